package import JOSE
package import Keys

/// Where runners lie.
package protocol RunnerStore: Sendable {
    /// The live runner one of whose credentials has this digest, past its end or not.
    func runner(_ digest: CredentialDigest) async throws(StoreError) -> Runner?
    func runners() async throws(StoreError) -> [Runner]
    /// What live runners had before their credentials, and is no longer good; asked often.
    func lapsedCredentials(at now: NumericDate) async throws(StoreError) -> Set<CredentialDigest>
    /// False where a live runner has the name already.
    func addRunner(
        named name: ByteString,
        patterns: [RepositoryPattern],
        bounds: RunnerBounds,
        digest: CredentialDigest,
        at now: NumericDate
    ) async throws(StoreError) -> Bool
    /// Revokes the runner and ends its jobs; answers how many, nil where no live runner has the name.
    func revokeRunner(named name: ByteString, at now: NumericDate) async throws(StoreError) -> Int?
    /// The live runner of this name.
    func runner(named name: ByteString) async throws(StoreError) -> Runner?
    /// Keeps the credentials of `next` for the live runner that still has those of `runner`; false where there is none.
    func rotateCredential(
        of runner: Runner,
        to next: Runner,
        at now: NumericDate
    ) async throws(StoreError) -> Bool
}
