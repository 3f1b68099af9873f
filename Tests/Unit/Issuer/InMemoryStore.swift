// Stores that forget: the whole of their ports, without a disk.

import Issuer
import JOSE
import Keys
import Synchronization

final class InMemoryStore: JobStore, AuditLog, RunnerStore, RepositoryStore, KeyStore {
    private let state = Mutex(State())

    private struct State {
        var jobs: [JobID: Job] = [:]
        var records: [AuditRecord] = []
        var runners: [(digest: CredentialDigest, runner: Runner)] = []
        var pins: [PinnedRepository] = []
        var ring = KeyRing()
        var refusal: RefusalReason?
        var registrationRefusal: RefusalReason?
        var error: StoreError?
    }

    var records: [AuditRecord] {
        state.withLock { $0.records }
    }

    /// What the next commit of permits answers.
    func refuseCommits(_ reason: RefusalReason?) {
        state.withLock { $0.refusal = reason }
    }

    func refuseRegistrations(_ reason: RefusalReason) {
        state.withLock { $0.registrationRefusal = reason }
    }

    /// What every operation throws from now on.
    func fail(_ error: StoreError?) {
        state.withLock { $0.error = error }
    }

    func keep(_ job: Job) {
        state.withLock { $0.jobs[job.id] = job }
    }

    private func working<Value>(_ body: (inout sending State) -> sending Value) throws(StoreError) -> sending Value {
        let error = state.withLock { $0.error }
        if let error { throw error }
        return state.withLock { body(&$0) }
    }

    // MARK: Jobs

    func job(_ id: JobID) async throws(StoreError) -> Job? {
        try working { $0.jobs[id] }
    }

    func job(runner: Int64, reference: ByteString) async throws(StoreError) -> Job? {
        try working { state in
            state.jobs.values.first { $0.runner == runner && $0.registration.reference == reference }
        }
    }

    func register(_ job: Job, permits: [AuditRecord]) async throws(StoreError) -> RegistrationOutcome {
        try working { state in
            if let reason = state.registrationRefusal { return .refused(reason) }
            let known = state.jobs.values.first {
                $0.runner == job.runner && $0.registration.reference == job.registration.reference
            }
            if job.registration.reference != nil, let known { return .referenceTaken(known) }
            state.jobs[job.id] = job
            state.records += permits
            return .registered
        }
    }

    func setFacts(_ facts: JobFacts, of job: Job, at now: NumericDate) async throws(StoreError) -> RefusalReason? {
        try working { state in
            if let reason = state.refusal { return reason }
            state.jobs[job.id] = job.changing(facts: facts, revision: job.revision + 1)
            return nil
        }
    }

    func extendLease(
        of job: JobID,
        to leaseExpiresAt: NumericDate,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try working { state in
            state.jobs[job] = state.jobs[job]?.changing(leaseExpiresAt: leaseExpiresAt)
            return state.refusal
        }
    }

    func end(_ job: JobID, at now: NumericDate) async throws(StoreError) {
        try working { state in
            guard let known = state.jobs[job], known.end == nil else { return }
            state.jobs[job] = known.changing(end: JobEnd(reason: .ended, at: now))
        }
    }

    func endLapsedJobs(at now: NumericDate) async throws(StoreError) -> Int {
        0
    }

    // MARK: Audit

    func commit(_ permits: [AuditRecord], of job: Job, at now: NumericDate) async throws(StoreError) -> RefusalReason? {
        try working { state in
            let reason = state.refusal
            state.records += permits.map { record in reason.map(record.denied) ?? record }
            return reason
        }
    }

    func append(_ record: AuditRecord) async throws(StoreError) {
        try working { $0.records.append(record) }
    }

    func records(after sequence: Int64, limit: Int) async throws(StoreError) -> [StoredAuditRecord] {
        try working { state in
            var digest = AuditChain.beginning
            let all = state.records.enumerated().map { index, record in
                let document = record.document.serialized
                digest = AuditChain.digest(after: digest, sequence: Int64(index + 1), document: document)
                return StoredAuditRecord(sequence: Int64(index + 1), document: document, digest: digest)
            }
            return Array(all.filter { $0.sequence > sequence }.prefix(limit))
        }
    }

    // MARK: Runners

    func runner(_ digest: CredentialDigest) async throws(StoreError) -> Runner? {
        try working { state in
            state.runners.first { $0.digest == digest && $0.runner.revokedAt == nil }?.runner
        }
    }

    func runners() async throws(StoreError) -> [Runner] {
        try working { $0.runners.map(\.runner) }
    }

    func addRunner(
        named name: ByteString,
        patterns: [RepositoryPattern],
        digest: CredentialDigest,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        try working { state in
            if state.runners.contains(where: { $0.runner.name == name && $0.runner.revokedAt == nil }) { return false }
            let id = Int64(state.runners.count + 1)
            let runner = Runner(id: id, name: name, patterns: patterns, addedAt: now, revokedAt: nil)
            state.runners.append((digest, runner))
            return true
        }
    }

    func revokeRunner(named name: ByteString, at now: NumericDate) async throws(StoreError) -> Int? {
        try working { state in
            let live = state.runners.firstIndex { $0.runner.name == name && $0.runner.revokedAt == nil }
            guard let live else { return nil }
            let old = state.runners[live].runner
            state.runners[live].runner = Runner(
                id: old.id,
                name: name,
                patterns: old.patterns,
                addedAt: old.addedAt,
                revokedAt: now
            )
            return 0
        }
    }

    // MARK: Repositories

    func pinnedRepositories() async throws(StoreError) -> [PinnedRepository] {
        try working { $0.pins }
    }

    func pin(_ repository: PinnedRepository) {
        state.withLock { $0.pins.append(repository) }
    }

    func forgetRepository(_ name: ByteString, at now: NumericDate) async throws(StoreError) -> Bool {
        try working { state in
            let count = state.pins.count
            state.pins.removeAll { $0.name == name }
            return state.pins.count < count
        }
    }

    func renameRepository(
        _ name: ByteString,
        to next: ByteString,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try working { state in
            state.pins.contains { $0.name == name } ? nil : .notFound
        }
    }

    // MARK: Keys

    func keyRing() async throws -> KeyRing {
        state.withLock { $0.ring }
    }

    func replaceKeyRing(with ring: KeyRing, expecting version: Int64) async throws -> Bool {
        state.withLock { state in
            guard state.ring.version == version else { return false }
            state.ring = ring
            return true
        }
    }
}
