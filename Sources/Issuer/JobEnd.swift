package import Keys

/// When and why a job was over.
package struct JobEnd: Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable {
        /// Its runner, or the job itself, said so.
        case ended
        /// Its time was up.
        case expired
        /// No heartbeat came within the lease.
        case leaseLost = "lease_lost"
        /// Its runner was revoked.
        case runnerRevoked = "runner_revoked"
        /// All keys were revoked: the key of its request token may be known to a thief.
        case keysRevoked = "keys_revoked"
        /// The store was restored from a backup.
        case restored
    }

    package let reason: Reason
    package let at: NumericDate

    package init(reason: Reason, at: NumericDate) {
        self.reason = reason
        self.at = at
    }
}
