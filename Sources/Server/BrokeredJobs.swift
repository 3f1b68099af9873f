package import Issuer
package import JOSE
package import Keys
import Synchronization

/// Which user registered which job through this broker, so that no user touches another's.
///
/// It is kept in memory only. Of a job from before a restart the broker knows nobody's uid: to end it and to keep it
/// alive is let through then, for neither gives anybody anything, while a job that cannot be ended keeps a live request
/// token; to set its facts or to be told its tokens again is refused. Root may do everything.
///
/// A reference is its registrar's from before its registration goes on, and stays so where the answer is lost: nobody
/// else ends the job then, and who registers it again is told of it.
package final class BrokeredJobs: Sendable {
    /// The longest time a job may live, in seconds: after it an entry says nothing any more.
    private static let longestLife: Int64 = 86_400

    private struct Entry {
        let uid: UInt32
        let reference: ByteString?
        let forgottenAt: NumericDate
    }

    /// Whose a reference is, and what is known of the job that it names.
    private struct Claim {
        let uid: UInt32
        var job: JobID?
        var isUnderWay = false
        /// Whether an answer was lost: the reference may name a job that nobody was told of.
        var isUncertain = false
        var forgottenAt: NumericDate

        var saysNothing: Bool { job == nil && !isUnderWay && !isUncertain }
    }

    private struct State {
        var jobs: [JobID: Entry] = [:]
        var claims: [ByteString: Claim] = [:]

        mutating func remove(_ id: JobID) {
            guard let entry = jobs.removeValue(forKey: id), let reference = entry.reference else { return }
            guard claims[reference]?.job == id else { return }
            claims[reference]?.job = nil
            tidy(reference)
        }

        /// Ends the registration that is under way for this user, and changes what is known of its reference.
        mutating func settle(_ reference: ByteString, of uid: UInt32, _ change: (inout Claim) -> Void) {
            guard var claim = claims[reference], claim.uid == uid else { return }
            claim.isUnderWay = false
            change(&claim)
            claims[reference] = claim
            tidy(reference)
        }

        mutating func tidy(_ reference: ByteString) {
            if claims[reference]?.saysNothing == true { claims[reference] = nil }
        }

        /// Whether a job that was there before, and is known under no id, can only be of this user's lost registration.
        func wasLost(_ reference: ByteString?, by uid: UInt32) -> Bool {
            guard let reference, let claim = claims[reference] else { return false }
            return claim.uid == uid && claim.isUncertain
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
            func isFull() -> Bool { max(state.jobs.count, state.claims.count) >= capacity }
            guard isFull() else { return true }
            let passed = state.jobs.filter { $0.value.forgottenAt <= now }.keys
            for id in passed { state.remove(id) }
            state.claims = state.claims.filter { $0.value.isUnderWay || $0.value.forgottenAt > now }
            return !isFull()
        }
    }

    /// Takes the reference for a registration that is about to go on.
    ///
    /// What follows is `note`, `drop` or `lose`. Where another user's job has the reference the issuer says whether
    /// that job is still there.
    package func begin(_ reference: ByteString?, of uid: UInt32, at now: NumericDate) -> RegistrationTurn {
        guard let reference else { return .mayGoOn }
        return state.withLock { state in
            var claim =
                state.claims[reference] ?? Claim(uid: uid, forgottenAt: now.advanced(bySeconds: Self.longestLife))
            guard claim.uid == uid else {
                let isSettled = claim.job != nil && !claim.isUncertain
                return isSettled || uid == 0 ? .mayGoOn : .isAnothers
            }
            guard !claim.isUnderWay else { return .isUnderWay }
            claim.isUnderWay = true
            claim.forgottenAt = now.advanced(bySeconds: Self.longestLife)
            state.claims[reference] = claim
            return .mayGoOn
        }
    }

    /// The registration was refused: it made no job.
    package func drop(_ reference: ByteString?, of uid: UInt32) {
        guard let reference else { return }
        state.withLock { $0.settle(reference, of: uid) { _ in } }
    }

    /// The registration's answer was lost: it may have made a job.
    package func lose(_ reference: ByteString?, of uid: UInt32) {
        guard let reference else { return }
        state.withLock { $0.settle(reference, of: uid) { $0.isUncertain = true } }
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
            let end = now.advanced(bySeconds: Self.longestLife)
            let known = state.jobs[id]
            let isOwn = known.map { $0.uid == uid } ?? (isNew || state.wasLost(reference, by: uid))
            if let reference {
                let isFree = state.claims[reference].map { $0.uid == uid } ?? true
                if isOwn || (uid == 0 && isFree) {
                    state.claims[reference] = Claim(uid: uid, job: id, forgottenAt: end)
                } else {
                    state.settle(reference, of: uid) { _ in }
                }
            }
            guard isOwn || uid == 0 else { return false }
            if known == nil { state.jobs[id] = Entry(uid: uid, reference: reference, forgottenAt: end) }
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
                state.claims[reference].map { $0.uid == uid } ?? true
            }
        }
    }

    /// Forgets a job that was ended.
    package func forget(_ request: BrokeredRequest) {
        state.withLock { state in
            switch request {
            case .end(let id): state.remove(id)
            case .endReference(let reference):
                if let id = state.claims[reference]?.job { state.remove(id) }
                state.claims[reference]?.isUncertain = false
                state.tidy(reference)
            case .register, .setFacts, .heartbeat: break
            }
        }
    }
}
