// What operators say and what is done.

import Issuer
import JOSE
import Keys
import TestSupport
import Testing

@Suite struct OperatorTests {
    private let store = InMemoryStore()
    private let now = ClockReading(wall: time(1_795_255_200), sinceBoot: .zero, boot: "b")

    private var desk: OperatorDesk {
        OperatorDesk(store: store, ledger: InMemoryRevocationLedger(), keyDesk: nil)
    }

    @Test(
        arguments: [
            .addRunner(name: "b", patterns: ["acme/*", "x/y"]), .addRunner(name: "", patterns: []), .listRunners,
            .addRunner(name: "b", patterns: ["a/b"], bounds: JSONObject([("max_duration", .integer(60))])),
            .rotateRunner(name: "b", overlap: 0, validity: nil), .rotateRunner(name: "b", overlap: 60, validity: 5),
            .revokeRunner(name: "b"), .listRepositories, .forgetRepository(name: "acme/w"),
            .renameRepository(name: "acme/w", to: "acme/v"), .approveJob(id: "j", approver: nil),
            .approveJob(id: "", approver: "al ice"), .listWaitingJobs,
            .showKeys, .showAudit(after: 0), .showAudit(after: .max),
            .showPublication, .noteSighting(place: "bucket", kids: ["a", "b"]),
            .noteSighting(place: "bucket", kids: []), .backUp(path: "/a b/c\n"),
            .keys(.rotate(clockIsRight: false)), .keys(.rotate(clockIsRight: true)), .keys(.drill), .keys(.reseal),
            .keys(.auditHead),
            .keys(.ask(.prepare(nil))), .keys(.ask(.prepare([.ES256]))),
            .keys(.ask(.activateStandbys([.RS256]))), .keys(.ask(.activate("k"))), .keys(.ask(.retire("k"))),
            .keys(.ask(.revoke("k"))), .keys(.ask(.revokeAll)), .keys(.tokens(kid: "k", after: 0)),
            .keys(.tokens(kid: "", after: .max)),
        ] as [OperatorCommand]
    )
    func `a command survives the admin socket`(command: OperatorCommand) throws {
        #expect(try OperatorCommand(parsing: JSONBody.object(command.document.serialized)) == command)
    }

    @Test(arguments: [
        (#"{}"#, Refusal(.outOfRange, "command")), (#"{"command":"Runner list"}"#, Refusal(.outOfRange, "command")),
        (#"{"command":5}"#, Refusal(.wrongType, "command")),
        (#"{"command":"runner list","force":true}"#, Refusal(.unknownMember, "force")),
        (#"{"command":"runner add","patterns":["a/b"]}"#, Refusal(.memberMissing, "name")),
        (#"{"command":"runner add","name":"b"}"#, Refusal(.memberMissing, "patterns")),
        // A pattern that cannot be read must not silently be left out.
        (#"{"command":"runner add","name":"b","patterns":["a/b",5]}"#, Refusal(.wrongType, "patterns")),
        (#"{"command":"runner add","name":"b","patterns":"a/b"}"#, Refusal(.wrongType, "patterns")),
        (#"{"command":"runner add","name":"b","patterns":["a/b"],"bounds":[]}"#, Refusal(.wrongType, "bounds")),
        (#"{"command":"runner rotate","name":"b"}"#, Refusal(.memberMissing, "overlap")),
        (#"{"command":"runner rotate","name":"b","overlap":-1}"#, Refusal(.outOfRange, "overlap")),
        (#"{"command":"runner rotate","name":"b","overlap":2592001}"#, Refusal(.outOfRange, "overlap")),
        (#"{"command":"runner rotate","name":"b","overlap":0,"valid_for":0}"#, Refusal(.outOfRange, "valid_for")),
        (#"{"command":"repository rename","name":"b"}"#, Refusal(.memberMissing, "to")),
        (#"{"command":"approve","as":"alice"}"#, Refusal(.memberMissing, "job")),
        (#"{"command":"approve","job":"j","as":5}"#, Refusal(.wrongType, "as")),
        (#"{"command":"approve","job":"j","by":"alice"}"#, Refusal(.unknownMember, "by")),
        (#"{"command":"audit show","after":-1}"#, Refusal(.outOfRange, "after")),
        (#"{"command":"keys retire"}"#, Refusal(.memberMissing, "kid")),
        (#"{"command":"keys revoke"}"#, Refusal(.memberMissing, "kid")),
        (#"{"command":"keys revoke","kid":5}"#, Refusal(.wrongType, "kid")),
        (#"{"command":"keys revoke","kid":"k","force":true}"#, Refusal(.unknownMember, "force")),
        (#"{"command":"keys revoke all ","kid":"k"}"#, Refusal(.unknownMember, "kid")),
        (#"{"command":"keys activate","kid":["k"]}"#, Refusal(.wrongType, "kid")),
        // An algorithm that cannot be read must not silently be left out, nor become all of them.
        (#"{"command":"keys activate","algorithms":["RS256","none"]}"#, Refusal(.outOfRange, "algorithms")),
        (#"{"command":"keys prepare","algorithms":["ES256",5]}"#, Refusal(.outOfRange, "algorithms")),
        (#"{"command":"keys prepare","algorithms":["ES256","ES256"]}"#, Refusal(.outOfRange, "algorithms")),
        (#"{"command":"keys prepare","algorithms":[]}"#, Refusal(.outOfRange, "algorithms")),
        (#"{"command":"keys prepare","algorithms":"ES256"}"#, Refusal(.wrongType, "algorithms")),
        (#"{"command":"keys prepare","algorithms":null}"#, Refusal(.wrongType, "algorithms")),
        (#"{"command":"keys tokens"}"#, Refusal(.memberMissing, "kid")),
        (#"{"command":"keys tokens","kid":"k","after":-1}"#, Refusal(.outOfRange, "after")),
        (#"{"command":"keys rotate","clock_is_right":"true"}"#, Refusal(.wrongType, "clock_is_right")),
        (#"{"command":"backup"}"#, Refusal(.memberMissing, "path")),
        (#"{"command":"backup","path":"relative"}"#, Refusal(.outOfRange, "path")),
        (#"{"command":"publication seen","kids":[]}"#, Refusal(.memberMissing, "place")),
        (#"{"command":"publication seen","place":"b"}"#, Refusal(.memberMissing, "kids")),
        (#"{"command":"publication seen","place":"b","kids":[5]}"#, Refusal(.wrongType, "kids")),
    ])
    func `a command that cannot be read is refused`(text: String, refusal: Refusal) {
        #expect(throws: refusal) { try OperatorCommand(parsing: JSONBody.object(Array(text.utf8))) }
    }

    @Test func `a runner's credential is shown once`() async throws {
        let answer = try await desk.perform(.addRunner(name: "b", patterns: ["acme/*"]), at: now)
        let secret = try #require(answer["credential"]?.stringValue)
        let credential = try #require(RunnerCredential(secret))
        #expect(try await store.runner(credential.digest)?.name == "b")
        let list = try await desk.perform(.listRunners, at: now).serialized
        #expect(
            ByteString(list)
                == #"{"runners":[{"name":"b","repositories":["acme/*"],"added_at":"2026-11-21T10:00:00Z"}]}"#
        )
        #expect(try await desk.perform(.revokeRunner(name: "b"), at: now)["jobs_ended"] == .integer(0))
        #expect(try await store.runner(credential.digest) == nil)
    }

    @Test(
        arguments: [
            (.addRunner(name: "taken", patterns: ["a/b"]), Refusal(.alreadyExists, "taken")),
            (.addRunner(name: "a b", patterns: ["a/b"]), Refusal(.nameInvalid, "a b")),
            (.addRunner(name: "b", patterns: []), Refusal(.memberMissing, "patterns")),
            (.addRunner(name: "b", patterns: ["a/b", "*/c"]), Refusal(.patternInvalid, "*/c")),
            (
                .addRunner(name: "b", patterns: ["a/b"], bounds: JSONObject("allowed", .object(JSONObject()))),
                Refusal(.unknownMember, "bounds.allowed")
            ),
            // More than the store would read again.
            (
                .addRunner(name: "b", patterns: [ByteString](repeating: "a/b", count: 257)),
                Refusal(.tooMany, "patterns")
            ),
            (.revokeRunner(name: "nobody"), Refusal(.notFound, "nobody")),
            (.forgetRepository(name: "a/b"), Refusal(.notFound, "a/b")),
            (.renameRepository(name: "a/b", to: "a/c"), Refusal(.notFound, "a/b")),
            (.renameRepository(name: "a/b", to: "c"), Refusal(.nameInvalid, "c")),
        ] as [(OperatorCommand, Refusal)]
    )
    func `what cannot be done is refused by name`(command: OperatorCommand, refusal: Refusal) async throws {
        _ = try await desk.perform(.addRunner(name: "taken", patterns: ["a/b"]), at: now)
        await #expect(throws: refusal) { try await desk.perform(command, at: now) }
    }

    @Test(
        arguments: [
            .rotate(clockIsRight: true), .ask(.revokeAll), .drill, .reseal, .auditHead, .tokens(kid: "k", after: 0),
        ]
            as [KeyCommand]
    )
    func `without the sealing key no key is touched`(command: KeyCommand) async throws {
        await #expect(throws: Refusal(.keyUnusable)) { try await desk.perform(.keys(command), at: now) }
        #expect(store.records.isEmpty)
    }

    // G12: a restored backup must not bring it back.
    @Test func `a revoked runner's credential is in the ledger, first`() async throws {
        let ledger = InMemoryRevocationLedger()
        let desk = OperatorDesk(store: store, ledger: ledger, keyDesk: nil)
        let answer = try await desk.perform(.addRunner(name: "b", patterns: ["acme/*"]), at: now)
        let secret = try #require(answer["credential"]?.stringValue)
        let credential = try #require(RunnerCredential(secret))
        ledger.fail(RevocationLedgerError(explanation: "the disk is full"))
        await #expect(throws: Refusal(.ledgerUnusable, "the disk is full")) {
            try await desk.perform(.revokeRunner(name: "b"), at: now)
        }
        #expect(try await store.runner(credential.digest) != nil)
        ledger.fail(nil)
        _ = try await desk.perform(.revokeRunner(name: "b"), at: now)
        #expect(try ledger.revocations() == [.credential(ByteString(Base64URL.encode(credential.digest.bytes)))])
        #expect(try await store.runner(credential.digest) == nil)
    }

    @Test func `pins are listed`() async throws {
        store.pin(PinnedRepository(name: "acme/w", id: "42", ownerID: nil, pinnedAt: now.wall))
        store.pin(PinnedRepository(name: "acme/x", id: "43", ownerID: "7", pinnedAt: now.wall))
        #expect(
            ByteString(try await desk.perform(.listRepositories, at: now).serialized)
                == #"{"repositories":[{"repository":"acme/w","repository_id":"42","pinned_at":"2026-11-21T10:00:00Z"},"#
                + #"{"repository":"acme/x","repository_id":"43","repository_owner_id":"7","#
                + #""pinned_at":"2026-11-21T10:00:00Z"}]}"#
        )
    }

    @Test func `keys are shown without any private half`() async throws {
        let ring = try Samples.keys.get().ring
        _ = try await store.replaceKeyRing(with: ring, expecting: 0)
        let answer = try await desk.perform(.showKeys, at: now)
        let keys = try #require(answer["keys"]?.arrayValue)
        #expect(keys.count == 2)
        for key in keys {
            #expect(
                key.objectValue?.members.map(\.name) == ["kid", "algorithm", "state", "prepared_at", "activated_at"]
            )
        }
        let text = ByteString(answer.serialized).string
        for key in ring.keys {
            let sealed = try #require(key.sealedPrivateKey)
            #expect(!text.contains(ByteString(Base64URL.encode(sealed.bytes)).string))
        }
    }

    @Test func `the audit log is shown so that its chain can be checked`() async throws {
        for number in 0..<3 {
            try await store.append(
                AuditRecord(at: time(Int64(number)), operation: .token, decision: .deny, reason: "x")
            )
        }
        let rows = try #require(try await desk.perform(.showAudit(after: 1), at: now)["records"]?.arrayValue)
        #expect(rows.compactMap { $0.objectValue?["sequence"]?.integerValue } == [2, 3])
        let stored = try rows.map { row in
            let object = try #require(row.objectValue)
            return StoredAuditRecord(
                sequence: try #require(object["sequence"]?.integerValue),
                document: try #require(object["record"]?.stringValue).bytes,
                digest: try Base64URL.decode(#require(object["digest"]?.stringValue).bytes)
            )
        }
        let first = try await store.records(after: 0, limit: 1)[0]
        #expect(AuditChain.firstBreak(in: stored, after: first) == nil)
    }
}
