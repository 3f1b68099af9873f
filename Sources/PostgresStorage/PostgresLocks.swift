import Issuer

/// What a piece of work needs to stay as it is until its commit.
///
/// A group takes the locks of all its pieces at its beginning, in one order that all replicas keep: the chain, the gate,
/// runners, jobs.
struct PostgresLocks: Sendable {
    /// Everything that rests on keys, runners or jobs passes a gate together; what withdraws any of them at large passes
    /// it alone, and then nothing is under way anywhere.
    ///
    /// It is an advisory lock and thus fair: the locks of rows let those who share them starve one who does not.
    enum Gate: Sendable {
        case shared
        case exclusive
    }

    var gate = Gate.shared
    /// Whether it is done in a transaction of its own, and may take other locks later.
    var isAlone = false
    var runners: Set<Int64> = []
    var jobs: Set<JobID> = []
    /// Whether a job's row will be written, or counted upon by one alone.
    var isForUpdate = false
    /// Whether it rests on which keys sign.
    var needsRing = false

    /// In a group, with nothing but the chain.
    static let record = PostgresLocks()
    /// In a transaction of its own, beside those of others.
    static let alone = PostgresLocks(isAlone: true)
    /// With nothing else under way at any replica.
    static let exclusive = PostgresLocks(gate: .exclusive, isAlone: true)

    mutating func formUnion(_ other: PostgresLocks) {
        if other.gate == .exclusive { gate = .exclusive }
        isAlone = isAlone || other.isAlone
        runners.formUnion(other.runners)
        jobs.formUnion(other.jobs)
        isForUpdate = isForUpdate || other.isForUpdate
        needsRing = needsRing || other.needsRing
    }
}
