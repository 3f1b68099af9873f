package import JOSE
package import Keys

/// Where sealed secrets that are not signing keys lie.
package protocol SecretStore: Sendable {
    /// The secret stored under `name`; stores `candidate` and answers it where there is none.
    func secret(named name: ByteString, orStore candidate: SealedSecret) async throws(StoreError) -> SealedSecret
    /// Every sealed secret by its name.
    func sealedSecrets() async throws(StoreError) -> [ByteString: SealedSecret]
    /// Stores `secret` under `name`, whatever lay there.
    func replaceSecret(named name: ByteString, with secret: SealedSecret) async throws(StoreError)
    /// Stores a ring and secrets that were sealed anew, with the record of it, all or none, if the ring's version is
    /// still `version` and the secrets are still those that are `known`; answers whether they were.
    func replaceSealed(
        ring: KeyRing,
        secrets: [ByteString: SealedSecret],
        insteadOf known: [ByteString: SealedSecret],
        expecting version: Int64,
        at now: NumericDate
    ) async throws(StoreError) -> Bool
}
