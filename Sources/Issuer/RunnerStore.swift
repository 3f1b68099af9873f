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
}

/// The names of repositories, each pinned to the ids with which it was first registered.
package protocol RepositoryStore: Sendable {
    func pinnedRepositories() async throws(StoreError) -> [PinnedRepository]
    /// False where the name is not pinned.
    func forgetRepository(_ name: ByteString, at now: NumericDate) async throws(StoreError) -> Bool
    /// Moves a pin to another name; answers why not.
    func renameRepository(
        _ name: ByteString,
        to next: ByteString,
        at now: NumericDate
    ) async throws(StoreError)
        -> RefusalReason?
}

package struct PinnedRepository: Hashable, Sendable {
    package let name: ByteString
    package let id: ByteString
    package let ownerID: ByteString?
    package let pinnedAt: NumericDate

    package init(name: ByteString, id: ByteString, ownerID: ByteString?, pinnedAt: NumericDate) {
        self.name = name
        self.id = id
        self.ownerID = ownerID
        self.pinnedAt = pinnedAt
    }
}

/// Where sealed secrets that are not signing keys lie.
package protocol SecretStore: Sendable {
    /// The secret stored under `name`; stores `candidate` and answers it where there is none.
    func secret(named name: ByteString, orStore candidate: SealedSecret) async throws(StoreError) -> SealedSecret
}
