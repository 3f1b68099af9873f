import Agent
import Attestation
import Foundation
import GRPCCore
import JOSE
import Keys
import Logging
import SPIFFE
import Synchronization
import Testing
import WorkloadAPI

/// A socket of one job, between an unmodified client and an agent.
@Suite(.timeLimit(.minutes(1)))
struct WorkloadRelayTests {
    @Test
    func `a client without evidence gets the job's identity, on every method`() async throws {
        let file = TokenFile(TokenFile.token("good", expiresAt: 90_000))
        try await Self.relaying(CannedAuthority(), file) { relay in
            try await WorkloadAPIConnection.open(to: relay.endpoint) { connection in
                let x509 = try await connection.x509SVIDs()
                #expect(x509.svids.first?.id.text == ByteString(CannedAuthority.id))
                let jwt = try await connection.jwtSVIDs(audiences: ["a"])
                #expect(jwt.map(\.compact) == ["header.a.signature"])
                let x509Bundles = try await connection.x509Bundles()
                #expect(x509Bundles.authorities.count == 1)
                let jwtBundles = try await connection.jwtBundles()
                #expect(jwtBundles.documents.count == 1)
                let finding = try await connection.validate("valid", audience: "a")
                #expect(finding.claims["aud"] != nil)
            }
        }
    }

    @Test
    func `what the caller sends of its own does not pass`() async throws {
        let file = TokenFile(TokenFile.token("good", expiresAt: 90_000))
        try await Self.relaying(CannedAuthority(), file) { relay in
            let svids = try await WorkloadAPIConnection.open(
                to: relay.endpoint,
                evidence: Evidence(token: "forged")
            ) { try await $0.x509SVIDs() }
            #expect(svids.svids.count == 1)
        }
    }

    @Test
    func `the agent's refusals pass as they are, and the header is asked for here`() async throws {
        let file = TokenFile(TokenFile.token("forged", expiresAt: 90_000))
        try await Self.relaying(CannedAuthority(), file) { relay in
            let refused = await #expect(throws: WorkloadAPIError.self) {
                try await WorkloadAPIConnection.open(to: relay.endpoint) { try await $0.x509SVIDs() }
            }
            #expect(refused == .status(.permissionDenied, message: "no identity issued"))
            let status = try await RawCall.status(relay.path) {
                _ = try await $0.fetchJWTSVID(.init(), metadata: [:])
            }
            #expect(status?.message == "security header missing from request")
        }
    }

    @Test
    func `a watch goes on with the next token, and its client does not notice`() async throws {
        let clock = SettableClock()
        let file = TokenFile(TokenFile.token("good", expiresAt: 90_000))
        try await Self.relaying(CannedAuthority(evidenceExpiresAt: 1300), file, clock: clock) { relay in
            let updates = Mutex(0)
            await #expect(throws: Enough.self) {
                try await WorkloadAPIConnection.open(to: relay.endpoint) { connection in
                    try await connection.watchX509SVIDs { _ in
                        let count = updates.withLock { updates in
                            updates += 1
                            return updates
                        }
                        guard count < 2 else { throw Enough() }
                        // The agent ends its stream, since the first token has expired; the next one comes after that.
                        clock.advance(2000)
                        try await Task.sleep(for: .milliseconds(60))
                        file.write(TokenFile.token("late", expiresAt: 95_000))
                    }
                }
            }
            #expect(updates.withLock { $0 } == 2)
        }
    }

    @Test
    func `a request is made again with the token that the file holds by then`() async throws {
        let file = TokenFile(TokenFile.token("stranger", expiresAt: 90_000))
        try await Self.relaying(CannedAuthority(), file, tick: .seconds(3600)) { relay in
            file.write(TokenFile.token("good", expiresAt: 90_000))
            let svids = try await WorkloadAPIConnection.open(to: relay.endpoint) {
                try await $0.jwtSVIDs(audiences: ["a"])
            }
            #expect(svids.count == 1)
        }
    }

    @Test
    func `an agent that is away is Unavailable`() async throws {
        try await Self.relay(to: "/nonexistent/agent.sock", TokenFile(TokenFile.token("good", expiresAt: 90_000))) {
            relay in
            let error = await #expect(throws: WorkloadAPIError.self) {
                try await WorkloadAPIConnection.open(to: relay.endpoint) { try await $0.x509Bundles() }
            }
            guard case .status(.unavailable, _) = error else { throw Unexpected(error) }
        }
    }

    @Test
    func `it ends with the newest token, and takes its socket away`() async throws {
        let clock = SettableClock()
        let file = TokenFile(TokenFile.token("good", expiresAt: 1100))
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("r" + UUID().uuidString.prefix(12))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.sock").path
        let relay = try Self.make(path, "/nonexistent", file, clock, .milliseconds(5))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await relay.run() }
            while !FileManager.default.fileExists(atPath: path) { try await Task.sleep(for: .milliseconds(2)) }
            file.write(TokenFile.token("late", expiresAt: 1200))
            try await Task.sleep(for: .milliseconds(50))
            clock.advance(150)
            try await Task.sleep(for: .milliseconds(50))
            #expect(FileManager.default.fileExists(atPath: path))
            clock.advance(100)
            try await tasks.waitForAll()
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(arguments: [
        ("", RelayedTokenError.empty),
        ("no token", .notAToken),
        ("e30.e30.x", .expiryMissing),
        (String(repeating: "x", count: 15_361), .tooLong),
    ])
    func `a file that holds no token is refused at the start`(_ text: String, _ error: RelayedTokenError) {
        #expect(throws: error) { try RelayedToken(parsing: Array(text.utf8)) }
    }

    @Test
    func `a token that has expired is refused at the start`() {
        let file = TokenFile(TokenFile.token("good", expiresAt: 1000))
        #expect(throws: RelayedTokenError.expired) {
            try Self.make("/nonexistent", "/nonexistent", file, SettableClock(), .seconds(1))
        }
    }

    private static func relaying<Result: Sendable>(
        _ authority: CannedAuthority,
        _ file: TokenFile,
        clock: SettableClock = SettableClock(),
        tick: Duration = .milliseconds(5),
        _ work: @escaping @Sendable (RunningService) async throws -> Result
    ) async throws -> Result {
        try await RunningService.workloadAPI(authority, clock: clock) { agent in
            try await relay(to: agent.path, file, clock: clock, tick: tick, work)
        }
    }

    private static func relay<Result: Sendable>(
        to agent: String,
        _ file: TokenFile,
        clock: SettableClock = SettableClock(),
        tick: Duration = .milliseconds(5),
        _ work: @escaping @Sendable (RunningService) async throws -> Result
    ) async throws -> Result {
        try await RunningService.during({ try make($0, agent, file, clock, tick) }, work)
    }

    private static func make(
        _ path: String,
        _ agent: String,
        _ file: TokenFile,
        _ clock: SettableClock,
        _ tick: Duration
    ) throws -> WorkloadRelay {
        try WorkloadRelay(
            socket: .ofJob(path: path, ownerUID: getuid()),
            agent: .unix(path: agent),
            readToken: { file.read() },
            tick: tick,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            now: { clock.now }
        )
    }
}
