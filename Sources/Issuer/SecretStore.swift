package import JOSE
package import Keys

/// Where sealed secrets that are not signing keys lie.
package protocol SecretStore: Sendable {
    /// The secret stored under `name`; stores `candidate` and answers it where there is none.
    func secret(named name: ByteString, orStore candidate: SealedSecret) async throws(StoreError) -> SealedSecret
}
