import Agent
import Attestation
import Foundation
import GRPCCore
import JOSE
import Keys
import SPIFFE
import ServiceLifecycle
import Synchronization
import Testing

/// A workload that asks, and watches, over a real socket.
@Suite(.timeLimit(.minutes(1)))
struct WorkloadAPITests {
    static let good = Evidence(token: "good")

    @Test
    func `a workload gets its X.509-SVIDs with key and bundle`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            let received = try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Self.good) {
                try await $0.x509SVIDs()
            }
            let svid = try #require(received.svids.first)
            #expect(svid.id.text == ByteString(CannedAuthority.id))
            #expect(svid.chain == [CannedAuthority.certificate(1), CannedAuthority.certificate(0)])
            #expect(svid.privateKey == [0x30, 0x00])
            #expect(svid.bundle == [CannedAuthority.certificate(1)])
        }
    }

    @Test
    func `a workload gets a JWT-SVID for its audiences`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            let received = try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Self.good) {
                try await $0.jwtSVIDs(audiences: ["a", "b"])
            }
            #expect(received.map(\.compact) == ["header.a,b.signature"])
        }
    }

    @Test
    func `bundles and validation need no evidence`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            try await WorkloadAPIConnection.open(to: service.endpoint) { connection in
                let domain = try TrustDomain("example.org")
                let x509Bundles = try await connection.x509Bundles()
                #expect(x509Bundles.authorities == [domain: [CannedAuthority.certificate(1)]])
                let jwtBundles = try await connection.jwtBundles()
                #expect(jwtBundles.documents == [domain: Array("{\"keys\":[]}".utf8)])
                let finding = try await connection.validate("valid", audience: "a")
                #expect(finding.id.text == ByteString(CannedAuthority.id))
                let claims = JSONObject([("aud", .array([.string("a")])), ("exp", .integer(4_000_000_000))])
                #expect(finding.claims == claims)
            }
        }
    }

    @Test
    func `a watch gets new SVIDs past half of their life, and a new bundle with the same SVIDs`() async throws {
        let clock = SettableClock()
        let authority = try CannedAuthority(lifetime: 3600)
        try await RunningService.workloadAPI(authority, clock: clock) { service in
            let seen = Mutex<[[UInt8]]>([])
            await #expect(throws: Enough.self) {
                try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Self.good) { connection in
                    try await connection.watchX509SVIDs { update in
                        let svid = try #require(update.svids.first)
                        let step = seen.withLock { seen in
                            seen.append([svid.chain[0][4], svid.bundle[0][4]])
                            return seen.count
                        }
                        switch step {
                        case 1:
                            clock.advance(1500)  // Before half of the life: nothing comes of it.
                            authority.publish(try CannedAuthority.bundle(2))
                        case 2: clock.advance(600)
                        case 3: authority.changePolicy()
                        default: throw Enough()
                        }
                    }
                }
            }
            #expect(seen.withLock { $0 } == [[1, 1], [1, 2], [2, 2], [3, 2]])
        }
    }

    @Test
    func `a watch ends with no identity once the evidence has expired and a renewal is due`() async throws {
        let clock = SettableClock()
        try await RunningService.workloadAPI(CannedAuthority(evidenceExpiresAt: 1300), clock: clock) { service in
            let error = await #expect(throws: WorkloadAPIError.self) {
                try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Self.good) { connection in
                    try await connection.watchX509SVIDs { _ in clock.advance(2000) }
                }
            }
            #expect(error == .status(.permissionDenied, message: "no identity issued"))
        }
    }

    @Test
    func `a watch ends with no identity when the policy takes it away`() async throws {
        let authority = try CannedAuthority()
        try await RunningService.workloadAPI(authority) { service in
            let error = await #expect(throws: WorkloadAPIError.self) {
                try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Self.good) { connection in
                    try await connection.watchX509SVIDs { _ in
                        authority.refuse(.noIdentity(about: "policy"))
                        authority.changePolicy()
                    }
                }
            }
            #expect(error == .status(.permissionDenied, message: "no identity issued"))
        }
    }

    @Test
    func `a watch outlives an authority that is away for a while, and no longer than its SVIDs`() async throws {
        let clock = SettableClock()
        let authority = try CannedAuthority(lifetime: 1000)
        try await RunningService.workloadAPI(authority, clock: clock) { service in
            let updates = Mutex(0)
            let error = await #expect(throws: WorkloadAPIError.self) {
                try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Self.good) { connection in
                    try await connection.watchX509SVIDs { _ in
                        let first = updates.withLock { updates in
                            updates += 1
                            return updates == 1
                        }
                        authority.refuse(.unavailable)
                        clock.advance(600)
                        guard first else { return clock.advance(1000) }
                        // The renewal fails now, and succeeds with the next try.
                        try await Task.sleep(for: .milliseconds(50))
                        authority.refuse(nil)
                        clock.advance(20)
                    }
                }
            }
            guard case .status(.unavailable, _) = error else { throw Unexpected(error) }
            #expect(updates.withLock { $0 } == 2)
        }
    }

    @Test
    func `bundle watches hear of each change that concerns them`() async throws {
        let authority = try CannedAuthority()
        try await RunningService.workloadAPI(authority) { service in
            let seen = Mutex<[UInt8]>([])
            await #expect(throws: Enough.self) {
                try await WorkloadAPIConnection.open(to: service.endpoint) { connection in
                    try await connection.watchX509Bundles { update in
                        let number = try #require(update.authorities.values.first?.first?[4])
                        seen.withLock { $0.append(number) }
                        authority.changePolicy()
                        guard number < 3 else { throw Enough() }
                        authority.publish(try CannedAuthority.bundle(number + 1))
                    }
                }
            }
            #expect(seen.withLock { $0 } == [1, 2, 3])
        }
    }

    @Test
    func `open watches end with Unavailable at shutdown, and the socket is gone`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            let error = await #expect(throws: WorkloadAPIError.self) {
                try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Self.good) { connection in
                    try await connection.watchX509SVIDs { _ in await service.group.triggerGracefulShutdown() }
                }
            }
            #expect(error == .status(.unavailable, message: "the Workload API is shutting down"))
            #expect(!FileManager.default.fileExists(atPath: service.path))
        }
    }

    @Test
    func `nobody at the socket is Unavailable`() async throws {
        let error = await #expect(throws: WorkloadAPIError.self) {
            try await WorkloadAPIConnection.open(to: .unix(path: "/nonexistent/agent.sock")) {
                try await $0.x509Bundles()
            }
        }
        guard case .status(.unavailable, _) = error else { throw Unexpected(error) }
    }

    @Test(arguments: ["", "two words", "line\nbreak", String(repeating: "x", count: 15_361)])
    func `evidence that cannot be sent is not sent`(_ token: String) async throws {
        await #expect(throws: WorkloadAPIError.evidenceInvalid) {
            try await WorkloadAPIConnection.open(
                to: .unix(path: "/nonexistent"),
                evidence: Evidence(token: ByteString(token))
            ) { _ in }
        }
    }

    @Test
    func `the longest evidence that we send gets through`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            let token = ByteString(String(repeating: "x", count: 15_360))
            let error = await #expect(throws: WorkloadAPIError.self) {
                try await WorkloadAPIConnection.open(to: service.endpoint, evidence: Evidence(token: token)) {
                    try await $0.x509SVIDs()
                }
            }
            #expect(error == .status(.permissionDenied, message: "no identity issued"))
        }
    }
}

struct Enough: Error {}

struct Unexpected: Error {
    let error: (any Error)?

    init(_ error: (any Error)?) {
        self.error = error
    }
}
