package import JOSE
package import Keys

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
