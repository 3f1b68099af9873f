#if PostgreSQL
// Several stores on one database: what each is told holds for all (threats G03, H10, H12).

import Foundation
import Issuer
import JOSE
import Keys
import Logging
import PostgresStorage
import Testing

@Suite(.timeLimit(.minutes(3))) struct ReplicaStoreTests {
    private let folder: TemporaryFolder
    private let stores: [PostgresStore]
    private let runner: Runner

    init() async throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        stores = try ["a", "b", "c"].map { try TemporaryCluster.open(folder, replica: $0) }
        runner = try await TemporaryStore.addRunner("builder", digit: 1, to: stores[0])
    }

    private func close() {
        for store in stores { store.close() }
    }

    private func registered(at store: PostgresStore, reference: ByteString? = nil) async throws -> Job {
        let job = try TemporaryStore.job(reference.map { [("reference", .string($0))] } ?? [], of: runner)
        #expect(try await store.register(job, permits: [TemporaryStore.registration(of: job)]) == .registered)
        return job
    }

    /// The members of every chain's records.
    private func records() async throws -> [ByteString: [JSONObject]] {
        var all: [ByteString: [JSONObject]] = [:]
        for chain in try await stores[0].auditChains() {
            let records = try await stores[0].records(of: chain.name, after: 0, limit: 1_000_000)
            #expect(AuditChain.firstBreak(in: records, after: nil) == nil)
            #expect(records.last?.sequence ?? 0 == chain.sequence)
            #expect(records.last?.digest ?? AuditChain.beginning == chain.digest)
            all[chain.name] = try records.compactMap { try JSONReader.read($0.document).objectValue }
        }
        return all
    }

    @Test(arguments: [(0, true), (10, false), (-10, false)] as [(Int64, Bool)])
    func `the time is what the server's clock says, within two seconds`(offset: Int64, isRight: Bool) async throws {
        defer { close() }
        let now = Int64(Date().timeIntervalSince1970)
        #expect(try await stores[0].agrees(with: NumericDate(secondsSinceEpoch: now + offset)) == isRight)
    }

    @Test func `the end of a job at one is the end of its tokens at all, in whatever order they come`() async throws {
        defer { close() }
        for _ in 0..<10 {
            let job = try await registered(at: stores[0])
            let permits = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let store = stores[number % 3]
                        if number == 30 { try? await stores[1].end(job.id, at: time(1001)) }
                        let permit = TemporaryStore.permit(of: job, jti: ByteString("\(number)"))
                        let obstacle = try? await store.commit([permit], of: job, at: time(1001))
                        return obstacle == .some(nil)
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            // From now on nobody gives one, not even who remembers the job.
            for store in stores {
                let late = TemporaryStore.permit(of: job, jti: "late")
                #expect(try await store.commit([late], of: job, at: time(1001)) == .refused(.jobEnded))
            }
            let ours = try await records().values.joined().filter { $0["job"]?.stringValue == job.id.text }
            #expect(ours.count { $0["operation"] == "token" && $0["decision"] == "permit" } == permits)
            #expect(ours.count { $0["operation"] == "job_end" } == 1)
        }
    }

    @Test(arguments: [false, true])
    func `a token waits for an end that is under way, and is refused`(hasToken: Bool) async throws {
        defer { close() }
        let name = TemporaryCluster.database(of: folder)
        let cluster = try TemporaryCluster.shared.get()
        let job = try await registered(at: stores[0])
        let permit = TemporaryStore.permit(of: job)
        if hasToken { #expect(try await stores[1].commit([permit], of: job, at: time(1001)) == nil) }
        let ending = Thread {
            _ = try? cluster.run(
                """
                BEGIN; UPDATE job SET ended_at = 1001, end_reason = 'ended'; SELECT pg_sleep(1.5); COMMIT
                """,
                database: name
            )
        }
        ending.start()
        let isUnderWay = "SELECT 1 FROM pg_stat_activity WHERE datname = '\(name)' AND wait_event = 'PgSleep'"
        while try cluster.run(isUnderWay).isEmpty {}
        #expect(try await stores[1].commit([permit], of: job, at: time(1001)) == .refused(.jobEnded))
    }

    @Test func `a grant of three is three at all together`() async throws {
        defer { close() }
        let job = try await registered(at: stores[0])
        let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<30 {
                group.addTask {
                    let audience = ByteString("a\(number)")
                    let use = GrantUse(
                        rule: "r",
                        maximumTokens: 3,
                        audiences: try Audiences([audience]),
                        claims: audience.bytes
                    )
                    let permit = AuditRecord(
                        at: time(1001),
                        operation: .token,
                        decision: .permit,
                        reason: "ok",
                        job: job.id,
                        jti: audience,
                        uses: [use]
                    )
                    return try await stores[number % 3].commit([permit], of: job, at: time(1001)) == nil
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(granted == 3)
    }

    @Test func `of many rings at once one is stored, and no token of a withdrawn key is recorded after it`()
        async throws
    {
        defer { close() }
        var ring = try TestKeys.ring()
        #expect(try await stores[0].replaceKeyRing(with: ring, expecting: 0, recording: [], at: time(1)))
        let job = try await registered(at: stores[1])
        for index in 1..<4 {
            let next = try ring.activating(TestKeys.key(index).kid, at: time(900)).preparing(TestKeys.key(index + 1))
            let (kid, version) = (try TestKeys.key(index - 1).kid, ring.version)
            let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<9 {
                    group.addTask {
                        try await stores[number % 3].replaceKeyRing(
                            with: next,
                            expecting: version,
                            recording: [],
                            at: time(900)
                        )
                    }
                    group.addTask {
                        let permit = TemporaryStore.permit(of: job, kid: kid, jti: ByteString("\(index).\(number)"))
                        _ = try await stores[number % 3].commit([permit], of: job, at: time(1001))
                        return false
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wins == 1)
            for store in stores {
                let late = TemporaryStore.permit(of: job, kid: kid, jti: "late")
                #expect(try await store.commit([late], of: job, at: time(1001)) == .refused(.keyWithdrawn))
                #expect(try await store.keyRing() == next)
            }
            ring = next
        }
    }

    @Test func `whatever is done at once at all, nothing waits in a circle and every chain holds`() async throws {
        defer { close() }
        let jobs = try await (0..<6).asyncMap { _ in try await registered(at: stores[0]) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let (store, job) = (stores[number % 3], jobs[(number / 3) % 6])
                    switch number % 10 {
                    case 0: _ = try await registered(at: store, reference: ByteString("\(number)"))
                    case 1: _ = try await store.extendLease(of: job.id, to: time(2000), at: time(1001))
                    case 2: _ = try await store.endLapsedJobs(at: time(1001))
                    case 3: try await store.end(registered(at: store).id, at: time(1001))
                    case 4: try await store.noteSighting(of: [ByteString("k\(number)"), "l"], at: "p", at: time(1))
                    default:
                        let permit = TemporaryStore.permit(of: job, jti: ByteString("\(number)"))
                        #expect(try await store.commit([permit], of: job, at: time(1001)) == nil)
                    }
                }
            }
            try await group.waitForAll()
        }
        let names = try await records().values.joined().compactMap { $0["jti"]?.stringValue }
        #expect(Set(names).count == 150)
        #expect(names.count == 150)
    }

    @Test func `a job that waits, and one with a lease, are never remembered`() async throws {
        defer { close() }
        let job = try TemporaryStore.job([("lease", .integer(60))], of: runner)
        #expect(try await stores[0].register(job, permits: []) == .registered)
        #expect(try await stores[0].commit([TemporaryStore.permit(of: job)], of: job, at: time(1001)) == nil)
        #expect(stores[0].heldJob(job.id) == nil)
        #expect(try await stores[1].extendLease(of: job.id, to: time(1100), at: time(1040)) == nil)
        #expect(try await stores[0].job(job.id)?.end(at: time(1070)) == nil)
        let plain = try await registered(at: stores[0])
        #expect(stores[0].heldJob(plain.id) == nil)
        #expect(try await stores[0].commit([TemporaryStore.permit(of: plain)], of: plain, at: time(1001)) == nil)
        #expect(stores[0].heldJob(plain.id) == plain)
    }

    @Test func `a database of a newer version is left alone`() async throws {
        defer { close() }
        let name = TemporaryCluster.database(of: folder)
        let cluster = try TemporaryCluster.shared.get()
        try cluster.run("INSERT INTO jobsworth_migration (number) VALUES (99)", database: name)
        #expect(throws: PostgresStoreError.newerSchema) { try TemporaryCluster.open(folder, replica: "d") }
    }

    @Test func `another program is refused what would break verifiers`() async throws {
        defer { close() }
        let name = TemporaryCluster.database(of: folder)
        let cluster = try TemporaryCluster.shared.get()
        let ring = try TestKeys.ring()
        #expect(try await stores[0].replaceKeyRing(with: ring, expecting: 0, recording: [], at: time(1)))
        let job = try await registered(at: stores[0])
        let permit = TemporaryStore.permit(of: job, kid: try TestKeys.key(0).kid)
        #expect(try await stores[0].commit([permit], of: job, at: time(1001)) == nil)
        #expect(throws: TemporaryCluster.Failure.self) {
            try cluster.run("UPDATE key_ring SET version = version - 1", database: name)
        }
        let empty = #"'{"version":9,"keys":[]}'"#
        #expect(throws: TemporaryCluster.Failure.self) {
            try cluster.run("UPDATE key_ring SET version = 9, document = \(empty), replaced_at = 1309", database: name)
        }
        // What was changed behind our back is no ring.
        try cluster.run("UPDATE key_ring SET version = 9, document = \(empty), replaced_at = 1400", database: name)
        await #expect(throws: KeyRingError.malformedDocument) { try await stores[1].keyRing() }
        await #expect(throws: KeyRingError.malformedDocument) { try await stores[1].rotationState() }
    }

    @Test func `a URL with a password is refused before anything is done with it`() {
        for url in ["postgres://u:p@h/d", "postgresql://h/d?password=p", "postgres://h/d?sslpassword=p"] {
            #expect(throws: PostgresStoreError.passwordInURL) { try PostgresAddress(url) }
        }
        for url in ["postgres:", "postgresql://[", "postgres://h/d?nonsense=1", "mysql://h/d"] {
            #expect(throws: PostgresStoreError.malformedURL) { try PostgresAddress(url) }
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
#endif
