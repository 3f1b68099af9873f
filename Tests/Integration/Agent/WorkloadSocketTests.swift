import Agent
import Attestation
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import JOSE
import Keys
import ServiceLifecycle
import SwiftProtobuf
import Synchronization
import Testing
import WorkloadAPI

/// The socket itself: its file, who may connect, and how much.
@Suite(.timeLimit(.minutes(1)))
struct WorkloadSocketTests {
    @Test
    func `the socket has exactly its mode`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            var status = stat()
            #expect(lstat(service.path, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o666)
            #expect(status.st_mode & S_IFMT == S_IFSOCK)
            let folder = (service.path as NSString).deletingLastPathComponent
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(files == ["a.sock"])
        }
    }

    @Test
    func `a dead server's socket is replaced, a live one's and other files are not`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            let second = try Self.server(at: service.path)
            await #expect(throws: WorkloadSocketError.inUse(service.path)) { try await second.run() }
            let bundles = try await WorkloadAPIConnection.open(to: service.endpoint) { try await $0.x509Bundles() }
            #expect(bundles.authorities.count == 1)

            let file = service.path + ".txt"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: file))
            await #expect(throws: WorkloadSocketError.notASocket(file)) { try await Self.server(at: file).run() }
            #expect(FileManager.default.contents(atPath: file) == Data("mine".utf8))

            // Bound, and closed without being taken away: what a killed server leaves.
            let dead = service.path + "2"
            try Self.leaveDeadSocket(at: dead)
            try await RunningService.at(dead, Self.server) { replaced in
                while true {
                    let answer = try? await WorkloadAPIConnection.open(to: replaced.endpoint) {
                        try await $0.x509Bundles()
                    }
                    if answer != nil { break }
                }
            }
        }
    }

    @Test
    func `a path that no socket can have is refused`() async throws {
        let path = "/tmp/" + String(repeating: "a", count: 110)
        await #expect(throws: WorkloadSocketError.pathTooLong(path)) { try await Self.server(at: path).run() }
    }

    @Test
    func `a user who is not allowed is not served, and those who are still are`() async throws {
        let other = getuid() &+ 1
        try await RunningService.workloadAPI(CannedAuthority(), allowedUIDs: [other]) { service in
            for _ in 0..<3 {
                await #expect(throws: WorkloadAPIError.self) {
                    try await WorkloadAPIConnection.open(to: service.endpoint, timeout: .seconds(2)) {
                        try await $0.x509Bundles()
                    }
                }
            }
        }
        try await RunningService.workloadAPI(CannedAuthority(), allowedUIDs: [getuid()]) { service in
            let bundles = try await WorkloadAPIConnection.open(to: service.endpoint) { try await $0.x509Bundles() }
            #expect(bundles.authorities.count == 1)
        }
    }

    @Test
    func `the log names the peer as the kernel does, and never holds the token`() async throws {
        let log = CollectedLog()
        try await RunningService.workloadAPI(CannedAuthority(), logger: log.logger) { service in
            for token in ["eyJhbGciOi.eyJpc3MiOi.good", "eyJhbGciOi.eyJpc3MiOi.forged"] {
                var metadata = RawCall.secured(token)
                metadata.addString("4711", forKey: "jobsworth-peer-uid")
                metadata.addString("4711", forKey: "jobsworth-peer-pid")
                _ = try await RawCall.status(service.path) { [metadata] in
                    _ = try await $0.fetchJWTSVID(.with { $0.audience = ["a"] }, metadata: metadata)
                }
            }
        }
        let text = log.text
        #expect(text.contains("SVID issued"))
        #expect(text.contains("evidence_refused:signature_invalid"))
        #expect(text.contains("peer.pid=\(getpid()) peer.uid=\(getuid())"))
        #expect(text.contains("spiffe.id=\(CannedAuthority.id)"))
        #expect(!text.contains("4711"))
        #expect(!text.contains("eyJ"))
    }

    @Test
    func `requests beyond the limit are Unavailable, and places come back`() async throws {
        let limits = WorkloadAPILimits(connections: 8, requestsPerConnection: 100, requests: 2)
        try await RunningService.workloadAPI(CannedAuthority(), limits: limits) { service in
            for _ in 0..<3 {
                let error = await #expect(throws: Unexpected.self) {
                    try await WorkloadAPIConnection.open(to: service.endpoint) { connection in
                        try await connection.watchX509Bundles { _ in
                            try await connection.watchJWTBundles { _ in
                                do { _ = try await connection.x509Bundles() } catch { throw Unexpected(error) }
                            }
                        }
                    }
                }
                #expect(
                    error?.error as? WorkloadAPIError == .status(.unavailable, message: "too many requests are open")
                )
            }
        }
    }

    @Test
    func `a client that goes leaves no stream behind`() async throws {
        let box = Mutex<WorkloadAPIServer?>(nil)
        try await RunningService.during({ path in
            let server = try Self.server(at: path)
            box.withLock { $0 = server }
            return server
        }) { service in
            let server = try #require(box.withLock { $0 })
            for _ in 0..<20 {
                await #expect(throws: Enough.self) {
                    try await WorkloadAPIConnection.open(to: service.endpoint, evidence: .init(token: "good")) {
                        try await $0.watchX509SVIDs { _ in throw Enough() }
                    }
                }
            }
            while server.watches > 0 { try await Task.sleep(for: .milliseconds(2)) }
            #expect(server.watches == 0)
        }
    }

    @Test
    func `the health of the server is told without the security header`() async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            let transport = try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: service.path, authority: "localhost"),
                transportSecurity: .plaintext
            )
            try await withGRPCClient(transport: transport) { client in
                let health = Grpc_Health_V1_Health.Client(wrapping: client)
                for name in ["", "SpiffeWorkloadAPI"] {
                    let answer = try await health.check(.with { $0.service = name })
                    #expect(answer.status == .serving)
                }
                let error = await #expect(throws: RPCError.self) {
                    _ = try await health.check(.with { $0.service = "other" })
                }
                #expect(error?.code == .notFound)
            }
        }
    }

    private static func server(at path: String) throws -> WorkloadAPIServer {
        WorkloadAPIServer(
            authority: try CannedAuthority(),
            socket: .shared(path: path),
            check: .canned,
            tick: .milliseconds(5),
            logger: CollectedLog().logger,
            now: { SettableClock().now }
        )
    }

    private static func leaveDeadSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
        try #require(bound == 0)
    }
}
