package import Keys

/// Enters in the ledger what rotations left behind, once its overlap is over: a backup from before the rotation has it as
/// a credential without that end, and must not bring it back.
package actor LapsedCredentials {
    private let runners: any RunnerStore
    private let ledger: any RevocationLedger
    private var entered: Set<CredentialDigest> = []

    package init(runners: any RunnerStore, ledger: any RevocationLedger) {
        self.runners = runners
        self.ledger = ledger
    }

    /// Enters what has lapsed by `now`; a ledger that has it already stays as it is.
    package func enter(at now: NumericDate) async throws {
        let lapsed = try await runners.lapsedCredentials(at: now)
        let new = lapsed.subtracting(entered)
        if !new.isEmpty { try ledger.add(Set(new.map(Revocation.init(of:))), at: now) }
        entered = lapsed
    }
}
