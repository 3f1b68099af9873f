import Agent
import Foundation
import JOSE
import Logging
import SPIFFE
import ServiceLifecycle
import Testing

/// A service on a socket in a folder of its own, for the time of a test.
struct RunningService {
    let group: ServiceGroup
    let endpoint: WorkloadEndpoint
    let path: String

    static func during<Result: Sendable>(
        _ make: (_ path: String) throws -> any Service,
        _ work: @Sendable (RunningService) async throws -> Result
    ) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("a" + UUID().uuidString.prefix(12))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await at(folder.appendingPathComponent("a.sock").path, make, work)
    }

    static func at<Result: Sendable>(
        _ path: String,
        _ make: (_ path: String) throws -> any Service,
        _ work: @Sendable (RunningService) async throws -> Result
    ) async throws -> Result {
        let service = try make(path)
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        let group = ServiceGroup(services: [service], logger: quiet)
        let endpoint = try WorkloadEndpoint(parsing: ByteString("unix://" + path))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            while !FileManager.default.fileExists(atPath: path) { try await Task.sleep(for: .milliseconds(2)) }
            let result = try await work(RunningService(group: group, endpoint: endpoint, path: path))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        }
    }

    /// A Workload API of a canned authority.
    static func workloadAPI<Result: Sendable>(
        _ authority: CannedAuthority,
        clock: SettableClock = SettableClock(),
        bundlesNeedEvidence: Bool = false,
        limits: WorkloadAPILimits = WorkloadAPILimits(),
        allowedUIDs: Set<UInt32>? = nil,
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        _ work: @Sendable (RunningService) async throws -> Result
    ) async throws -> Result {
        try await during(
            { path in
                WorkloadAPIServer(
                    authority: authority,
                    socket: WorkloadSocket(path: path, mode: 0o666, allowedUIDs: allowedUIDs),
                    check: .canned,
                    bundlesNeedEvidence: bundlesNeedEvidence,
                    limits: limits,
                    tick: .milliseconds(5),
                    logger: logger,
                    now: { clock.now }
                )
            },
            work
        )
    }
}

extension JWTSVIDCheck {
    /// Takes `valid` for a token, and nothing else.
    static let canned = JWTSVIDCheck(document: { _ in Array("{\"keys\":[]}".utf8) }) {
        token,
        audience,
        _,
        _ throws(Invalid) in
        guard token == "valid", let id = try? SPIFFEID(parsing: ByteString(CannedAuthority.id)) else {
            throw Invalid(reason: "token has expired")
        }
        return Finding(id: id, claims: JSONObject([("aud", .string(audience)), ("exp", .integer(4_000_000_000))]))
    }
}
