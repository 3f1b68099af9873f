// Stores that forget: the whole of their ports, without a disk.

import Issuer
import JOSE
import Keys
import Policy
import Synchronization
import TestSupport

final class InMemoryStore: JobStore, AuditLog, RunnerStore, RepositoryStore, KeyStore, SecretStore, KeyUseLog,
    AuditChains,
    PublicationStore, BackupSource
{
    let keyStore = InMemoryKeyStore()
    private let state = Mutex(State())

    private struct State {
        var jobs: [JobID: Job] = [:]
        var records: [AuditRecord] = []
        var runners: [Runner] = []
        var pins: [PinnedRepository] = []
        var secrets: [ByteString: SealedSecret] = [:]
        var metadata: [UInt8]?
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

    func register(
        _ job: Job,
        permits: [AuditRecord],
        liveJobs maximum: Int
    ) async throws(StoreError) -> RegistrationOutcome {
        try working { state in
            if let reason = state.registrationRefusal { return .refused(reason) }
            let known = state.jobs.values.first {
                $0.runner == job.runner && $0.registration.reference == job.registration.reference
            }
            if job.registration.reference != nil, let known { return .referenceTaken(known) }
            let live = state.jobs.values.count { $0.runner == job.runner && $0.end == nil }
            guard live < maximum else { return .refused(.tooManyLiveJobs) }
            state.jobs[job.id] = job
            state.records += permits
            return .registered
        }
    }

    func setFacts(
        _ facts: JobFacts,
        approval: Approval?,
        of job: Job,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try working { state in
            if let reason = state.refusal { return reason }
            state.jobs[job.id] = job.changing(facts: facts, revision: job.revision + 1, approval: approval)
            return nil
        }
    }

    func approve(
        _ job: Job,
        as approval: Approval,
        recording record: AuditRecord,
        at now: NumericDate
    ) async throws(StoreError) -> RefusalReason? {
        try working { state in
            guard state.jobs[job.id]?.revision == job.revision else { return .factsChanged }
            state.jobs[job.id] = job.changing(revision: job.revision + 1, approval: approval)
            state.records.append(record)
            return nil
        }
    }

    func jobsWithEnvironment() async throws(StoreError) -> [Job] {
        try working { state in state.jobs.values.filter { $0.end == nil && $0.facts[.environment] != nil } }
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

    func endAllJobs(because reason: JobEnd.Reason, at now: NumericDate) async throws(StoreError) -> Int {
        try working { state in
            let live = state.jobs.values.filter { $0.end == nil }
            for job in live { state.jobs[job.id] = job.changing(end: JobEnd(reason: reason, at: now)) }
            return live.count
        }
    }

    // MARK: Audit

    func commit(
        _ permits: [AuditRecord],
        of job: Job,
        at now: NumericDate,
        then: @escaping @Sendable (Result<CommitObstacle?, StoreError>) -> Void
    ) {
        then(
            Result { () throws(StoreError) in
                try working { state in
                    let reason = state.refusal
                    state.records += permits.map { record in reason.map(record.denied) ?? record }
                    return reason.map { .refused($0) }
                }
            }
        )
    }

    func commit(svids permits: [AuditRecord]) async throws(StoreError) -> RefusalReason? {
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

    func auditChains() async throws(StoreError) -> [AuditChainHead] {
        let last = try await records(after: 0, limit: .max).last
        return [
            AuditChainHead(
                name: AuditChain.soleName,
                sequence: last?.sequence ?? 0,
                digest: last?.digest ?? AuditChain.beginning
            )
        ]
    }

    func records(
        of chain: ByteString,
        after sequence: Int64,
        limit: Int
    ) async throws(StoreError) -> [StoredAuditRecord] {
        try await records(after: sequence, limit: limit)
    }

    // MARK: Runners

    func runner(_ digest: CredentialDigest) async throws(StoreError) -> Runner? {
        try working { state in
            state.runners.first { runner in
                runner.credentials.contains { $0.digest == digest } && runner.revokedAt == nil
            }
        }
    }

    func runner(named name: ByteString) async throws(StoreError) -> Runner? {
        try working { state in state.runners.first { $0.name == name && $0.revokedAt == nil } }
    }

    func rotateCredential(of runner: Runner, to next: Runner, at now: NumericDate) async throws(StoreError) -> Bool {
        try working { state in
            guard let index = state.runners.firstIndex(of: runner) else { return false }
            state.runners[index] = next
            return true
        }
    }

    func lapsedCredentials(at now: NumericDate) async throws(StoreError) -> Set<CredentialDigest> {
        try working { state in
            Set(state.runners.filter { $0.revokedAt == nil }.flatMap { $0.lapsedCredentials(at: now) })
        }
    }

    func runners() async throws(StoreError) -> [Runner] {
        try working { $0.runners }
    }

    func addRunner(
        named name: ByteString,
        patterns: [RepositoryPattern],
        bounds: RunnerBounds,
        digest: CredentialDigest,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        try working { state in
            if state.runners.contains(where: { $0.name == name && $0.revokedAt == nil }) { return false }
            let id = Int64(state.runners.count + 1)
            let runner = Runner(
                id: id,
                name: name,
                patterns: patterns,
                bounds: bounds,
                credentials: [KnownCredential(digest: digest, validity: bounds.validity, at: now)],
                addedAt: now,
                revokedAt: nil
            )
            state.runners.append(runner)
            return true
        }
    }

    func revokeRunner(named name: ByteString, at now: NumericDate) async throws(StoreError) -> Int? {
        try working { state in
            let live = state.runners.firstIndex { $0.name == name && $0.revokedAt == nil }
            guard let live else { return nil }
            let old = state.runners[live]
            state.runners[live] = Runner(
                id: old.id,
                name: name,
                patterns: old.patterns,
                bounds: old.bounds,
                credentials: old.credentials,
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
        try await keyStore.keyRing()
    }

    func rotationState() async throws -> RotationState {
        try await keyStore.rotationState()
    }

    func replaceKeyRing(
        with ring: KeyRing,
        expecting version: Int64,
        recording transitions: [KeyTransition],
        at now: NumericDate
    ) async throws -> Bool {
        let isReplaced = try await keyStore.replaceKeyRing(
            with: ring,
            expecting: version,
            recording: transitions,
            at: now
        )
        if isReplaced { state.withLock { $0.records += transitions.map { $0.record(at: now) } } }
        return isReplaced
    }

    func setRotationRules(_ rules: RotationRules) async throws {
        try await keyStore.setRotationRules(rules)
    }

    func noteSighting(of kids: [ByteString], at place: ByteString, at now: NumericDate) async throws {
        try await keyStore.noteSighting(of: kids, at: place, at: now)
    }

    func trustedClock() async throws -> ClockReading? {
        try await keyStore.trustedClock()
    }

    func setTrustedClock(_ reading: ClockReading) async throws {
        try await keyStore.setTrustedClock(reading)
    }

    func tokens(signedBy kid: ByteString, after sequence: Int64) async throws(StoreError) -> KeyUsePage {
        let records = try await records(after: sequence, limit: .max)
        let signed = records.filter {
            String(decoding: $0.document, as: UTF8.self).contains(#""kid":"\#(kid.string)""#)
        }
        return KeyUsePage(records: signed.filter { ByteString($0.document).string.contains("jti") }, through: nil)
    }

    // MARK: Secrets

    func secret(named name: ByteString, orStore candidate: SealedSecret) async throws(StoreError) -> SealedSecret {
        try working { state in
            let secret = state.secrets[name] ?? candidate
            state.secrets[name] = secret
            return secret
        }
    }

    func sealedSecrets() async throws(StoreError) -> [ByteString: SealedSecret] {
        try working { $0.secrets }
    }

    func replaceSecret(named name: ByteString, with secret: SealedSecret) async throws(StoreError) {
        try working { $0.secrets[name] = secret }
    }

    func replaceSealed(
        ring: KeyRing,
        secrets: [ByteString: SealedSecret],
        insteadOf known: [ByteString: SealedSecret],
        expecting version: Int64,
        at now: NumericDate
    ) async throws(StoreError) -> Bool {
        guard (try? await keyStore.replaceKeyRing(with: ring, expecting: version)) == true else { return false }
        try working { $0.secrets = secrets }
        return true
    }

    // MARK: Publication and backup

    func publishMetadata(_ document: [UInt8]) {
        state.withLock { $0.metadata = document }
    }

    func providerMetadata() async throws(StoreError) -> [UInt8]? {
        try working { $0.metadata }
    }

    func backUp(to path: ByteString) async throws -> BackupReport {
        BackupReport(ringVersion: try await keyRing().version, records: Int64(records.count), lastRecordAt: nil)
    }
}
