// The life of a runner's credentials (threats A17, A18).

import Issuer
import JOSE
import Keys
import TestSupport
import Testing

@Suite struct CredentialRotationTests {
    private let store = InMemoryStore()
    private let ledger = InMemoryRevocationLedger()
    private let start: Int64 = 1_000_000

    private var desk: OperatorDesk { OperatorDesk(store: store, ledger: ledger, keyDesk: nil) }

    private func reading(_ seconds: Int64) -> ClockReading {
        ClockReading(wall: time(start + seconds), sinceBoot: .seconds(seconds), boot: "b")
    }

    private func perform(_ command: OperatorCommand, at seconds: Int64) async throws -> RunnerCredential {
        let answer = try await desk.perform(command, at: reading(seconds))
        let secret = try #require(answer["credential"]?.stringValue)
        return try #require(RunnerCredential(secret))
    }

    private func add(_ bounds: String = "{}") async throws -> RunnerCredential {
        let document = try JSONBody.object(Array(bounds.utf8))
        return try await perform(.addRunner(name: "b", patterns: ["acme/*"], bounds: document), at: 0)
    }

    private func rotate(overlap: Int64, validity: Int64? = nil, at seconds: Int64) async throws -> RunnerCredential {
        try await perform(.rotateRunner(name: "b", overlap: overlap, validity: validity), at: seconds)
    }

    private let authentication: CallerAuthentication

    init() {
        authentication = CallerAuthentication(
            runners: store,
            jobs: store,
            auditLog: store,
            requestTokens: RequestTokenKey(secret: [UInt8](repeating: 1, count: 32))
        )
    }

    private func isGood(
        _ credential: RunnerCredential,
        from peer: ByteString? = nil,
        at seconds: Int64
    ) async throws -> Bool {
        let address = peer.flatMap { NetworkAddress($0) }
        let now = time(start + seconds)
        do throws(IssuanceError) {
            return try await authentication.runner(presenting: credential.secret, from: address, at: now).name == "b"
        } catch {
            #expect(error == .unauthenticated)
            return false
        }
    }

    @Test func `both credentials are good for the overlap, and then the new one alone`() async throws {
        let first = try await add()
        let second = try await rotate(overlap: 3600, at: 100)
        #expect(first.secret != second.secret)
        for (seconds, isFirstGood) in [(100, true), (3699, true), (3700, false), (99_999, false)] as [(Int64, Bool)] {
            #expect(try await isGood(first, at: seconds) == isFirstGood, "\(seconds)")
            #expect(try await isGood(second, at: seconds), "\(seconds)")
        }
    }

    @Test func `what an overlap left behind is in the ledger once it has lapsed and not before`() async throws {
        let first = try await add()
        _ = try await rotate(overlap: 3600, at: 100)
        let lapsed = LapsedCredentials(runners: store, ledger: ledger)
        try await lapsed.enter(at: time(start + 3699))
        #expect(try ledger.revocations().isEmpty)
        ledger.fail(RevocationLedgerError(explanation: "the disk is full"))
        await #expect(throws: RevocationLedgerError.self) { try await lapsed.enter(at: time(start + 3700)) }
        ledger.fail(nil)
        try await lapsed.enter(at: time(start + 3700))
        #expect(try ledger.revocations() == [Self.entry(first)])
    }

    @Test func `without an overlap the old one is dead at once, and for good`() async throws {
        let first = try await add()
        let second = try await rotate(overlap: 0, at: 100)
        #expect(try await !isGood(first, at: 100))
        #expect(try await isGood(second, at: 100))
        #expect(try ledger.revocations() == [Self.entry(first)])
    }

    @Test func `a third credential within the overlap drops the first at once`() async throws {
        let first = try await add()
        let second = try await rotate(overlap: 3600, at: 100)
        // That it still lives is no matter for the ledger.
        #expect(try ledger.revocations().isEmpty)
        let third = try await rotate(overlap: 3600, at: 200)
        #expect(try await !isGood(first, at: 200))
        #expect(try await isGood(second, at: 200))
        #expect(try await isGood(third, at: 200))
        #expect(try ledger.revocations() == [Self.entry(first)])
    }

    @Test func `nothing is rotated that the ledger cannot keep dead`() async throws {
        let first = try await add()
        ledger.fail(RevocationLedgerError(explanation: "the disk is full"))
        await #expect(throws: Refusal(.ledgerUnusable, "the disk is full")) { try await rotate(overlap: 0, at: 100) }
        #expect(try await isGood(first, at: 100))
    }

    @Test func `a credential is good for as long as the runner was added with`() async throws {
        let first = try await add(#"{"valid_for":1000}"#)
        #expect(try await isGood(first, at: 999))
        #expect(try await !isGood(first, at: 1000))
        // An overlap makes no credential live longer.
        let second = try await rotate(overlap: 3600, at: 900)
        #expect(try await !isGood(first, at: 1000))
        #expect(try await isGood(second, at: 1899))
        #expect(try await !isGood(second, at: 1900))
        // A runner whose credential is past its end comes back by a rotation.
        let third = try await rotate(overlap: 3600, validity: 10, at: 5000)
        #expect(try await !isGood(second, at: 5000))
        #expect(try await isGood(third, at: 5009))
        #expect(try await !isGood(third, at: 5010))
    }

    @Test func `revoking kills both and puts both in the ledger`() async throws {
        let first = try await add()
        let second = try await rotate(overlap: 3600, at: 100)
        _ = try await desk.perform(.revokeRunner(name: "b"), at: reading(200))
        #expect(try await !isGood(first, at: 200))
        #expect(try await !isGood(second, at: 200))
        #expect(try ledger.revocations() == [Self.entry(first), Self.entry(second)])
    }

    @Test func `a runner that is not there is not rotated`() async throws {
        await #expect(throws: Refusal(.notFound, "b")) { try await rotate(overlap: 0, at: 0) }
    }

    @Test func `a credential that is presented where or when it is not good is recorded, a sample of it`() async throws
    {
        let credential = try await add(#"{"sources":["10.2.0.0/16"],"valid_for":1000}"#)
        #expect(try await isGood(credential, from: "10.2.0.1", at: 1))
        #expect(try await !isGood(credential, from: "192.0.2.9", at: 1))
        #expect(try await !isGood(credential, from: nil, at: 1))
        #expect(try await !isGood(credential, from: "10.2.0.1", at: 1000))
        let reasons = store.records.map(\.reason)
        #expect(reasons == ["source_not_allowed", "source_not_allowed", "credential_expired"])
        #expect(store.records.map(\.source) == ["192.0.2.9", nil, "10.2.0.1"])
        #expect(
            store.records.allSatisfy { $0.operation == .authentication && $0.decision == .deny && $0.runner == "b" }
        )
        for _ in 0..<1000 { _ = try await isGood(credential, from: "192.0.2.9", at: 1) }
        #expect(store.records.count < 20)
    }

    @Test func `the list shows the bounds and the ends`() async throws {
        _ = try await add(#"{"deny":{"environment":true},"valid_for":7200}"#)
        _ = try await rotate(overlap: 3600, at: 100)
        let list = try await desk.perform(.listRunners, at: reading(200))
        #expect(
            ByteString(list.serialized).string
                == #"{"runners":[{"name":"b","repositories":["acme/*"],"added_at":"1970-01-12T13:46:40Z","#
                + #""bounds":{"deny":{"environment":true},"valid_for":7200},"#
                + #""valid_until":"1970-01-12T15:48:20Z","former_valid_until":"1970-01-12T14:48:20Z"}]}"#
        )
        // Past its end, the one before is no longer spoken of.
        let later = try await desk.perform(.listRunners, at: reading(4000)).serialized
        #expect(!ByteString(later).string.contains("former"))
    }

    private static func entry(_ credential: RunnerCredential) -> Revocation {
        .credential(ByteString(Base64URL.encode(credential.digest.bytes)))
    }
}
