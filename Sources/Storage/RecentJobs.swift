package import Issuer

/// The live jobs that were registered or asked for last, as the file has them.
///
/// Not all live jobs: with a hundred thousand, what the others would take in memory and at start is spent on reading
/// one again when it is asked for. Two generations: what is used moves to the young one, and the old one goes when the
/// young one is full.
package struct RecentJobs {
    /// How many jobs a generation holds.
    private let capacity: Int

    private var young: [JobID: Job] = [:]
    private var old: [JobID: Job] = [:]

    /// The standard capacity is about 7 MB a generation.
    package init(capacity: Int = 2048) {
        self.capacity = capacity
    }

    package var count: Int {
        young.count + old.count
    }

    package subscript(_ id: JobID) -> Job? {
        mutating get {
            if let job = young[id] { return job }
            guard let job = old.removeValue(forKey: id) else { return nil }
            insert(job, as: id)
            return job
        }
        set {
            old[id] = nil
            if let newValue { insert(newValue, as: id) } else { young[id] = nil }
        }
    }

    package mutating func removeAll(where isGone: (Job) -> Bool) {
        young = young.filter { !isGone($0.value) }
        old = old.filter { !isGone($0.value) }
    }

    package mutating func removeAll() {
        young = [:]
        old = [:]
    }

    private mutating func insert(_ job: Job, as id: JobID) {
        young[id] = job
        guard young.count >= capacity else { return }
        old = young
        young = [:]
    }
}
