package import Issuer
package import JOSE
package import Keys
import Synchronization

/// Which user registered which job through this broker, so that no user touches another's.
///
/// It is kept in memory only. Of a job from before a restart the broker knows nobody's uid: to end it and to keep it
/// alive is let through then, for neither gives anybody anything, while a job that cannot be ended keeps a live request
/// token; to set its facts or to be told its tokens again is refused. Root may do everything.
package final class BrokeredJobs: Sendable {
    /// The longest time a job may live, in seconds: after it an entry says nothing any more.
    private static let longestLife: Int64 = 86_400

    private struct Entry {
        let uid: UInt32
        let reference: ByteString?
        let forgottenAt: NumericDate
    }

    private struct State {
        var jobs: [JobID: Entry] = [:]
        var references: [ByteString: JobID] = [:]

        mutating func remove(_ id: JobID) {
            guard let entry = jobs.removeValue(forKey: id) else { return }
            if let reference = entry.reference, references[reference] == id { references[reference] = nil }
        }
    }

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: how many jobs it remembers; more are not registered.
    package init(capacity: Int = 100_000) {
        self.capacity = capacity
    }

    /// Whether another job can be remembered.
    package func hasRoom(at now: NumericDate) -> Bool {
        state.withLock { state in
            if state.jobs.count < capacity { return true }
            let passed = state.jobs.filter { $0.value.forgottenAt <= now }.keys
            for id in passed { state.remove(id) }
            return state.jobs.count < capacity
        }
    }

    /// Notes whose job this is; false where it is not known to be this user's although it was there before.
    package func note(
        _ id: JobID,
        reference: ByteString?,
        of uid: UInt32,
        isNew: Bool,
        at now: NumericDate
    ) -> Bool {
        state.withLock { state in
            if let known = state.jobs[id] { return known.uid == uid || uid == 0 }
            guard isNew || uid == 0 else { return false }
            state.jobs[id] = Entry(
                uid: uid,
                reference: reference,
                forgottenAt: now.advanced(bySeconds: Self.longestLife)
            )
            if let reference { state.references[reference] = id }
            return true
        }
    }

    /// Whether this user may do this with what is there already.
    package func permits(_ request: BrokeredRequest, by uid: UInt32) -> Bool {
        if uid == 0 { return true }
        return state.withLock { state in
            switch request {
            case .register: true
            case .setFacts(let id, _): state.jobs[id]?.uid == uid
            case .heartbeat(let id), .end(let id): state.jobs[id].map { $0.uid == uid } ?? true
            case .endReference(let reference):
                state.references[reference].flatMap { state.jobs[$0] }.map { $0.uid == uid } ?? true
            }
        }
    }

    /// Forgets a job that was ended.
    package func forget(_ request: BrokeredRequest) {
        state.withLock { state in
            switch request {
            case .end(let id): state.remove(id)
            case .endReference(let reference):
                if let id = state.references[reference] { state.remove(id) }
            case .register, .setFacts, .heartbeat: break
            }
        }
    }
}
