package import JOSE
package import Keys

/// Where runners lie.
package protocol RunnerStore: Sendable {
    /// The live runner whose credential has this digest.
    func runner(_ digest: CredentialDigest) async throws(StoreError) -> Runner?
    func runners() async throws(StoreError) -> [Runner]
    /// False where a live runner has the name already.
    func addRunner(
        named name: ByteString,
        patterns: [RepositoryPattern],
        digest: CredentialDigest,
        at now: NumericDate
    ) async throws(StoreError) -> Bool
    /// Revokes the runner and ends its jobs; answers how many, nil where no live runner has the name.
    func revokeRunner(named name: ByteString, at now: NumericDate) async throws(StoreError) -> Int?
    /// The digest of the live runner's credential.
    func credentialDigest(ofRunner name: ByteString) async throws(StoreError) -> CredentialDigest?
}
