/// Why a statement did not do what it was to do.
enum PostgresFailure: Error {
    /// The connection is gone.
    case lost
    /// The server did not answer in time, and the connection was given up.
    case late
    /// The server refused a statement; the connection can be used again.
    case refused(state: String, message: String)
    /// The server answered what it was not asked for.
    case unexpected
    /// A row is not as any version of ours wrote it.
    case malformed
    /// The server lacks what it had committed: it is a primary of before, or one that was promoted without its records.
    case regressed

    /// Whether the same again may go well: a deadlock, a lock that was not had in time, a conflict of transactions.
    var isTransient: Bool {
        guard case .refused(let state, _) = self else { return false }
        return ["40001", "40P01", Self.lockNotAvailable, "55006"].contains(state)
    }

    /// What was looked at is no longer so: the whole transaction must look again.
    static let conflict = PostgresFailure.refused(state: "40001", message: "another replica was faster")

    /// Whether a lock was not had in time.
    var isStarved: Bool {
        if case .refused(Self.lockNotAvailable, _) = self { true } else { false }
    }

    private static let lockNotAvailable = "55P03"
}
