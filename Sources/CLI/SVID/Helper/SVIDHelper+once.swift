import Agent
import GRPCCore

extension SVIDHelper {
    /// Writes every file once.
    func writeOnce() async throws {
        if settings.x509 != nil {
            let received = try await patiently { try await $0.x509SVIDs() }
            try await writeX509(received)
        }
        if let name = settings.jwtBundle {
            let received = try await patiently { try await $0.jwtBundles() }
            try await writeJWTBundle(received, files.path(of: name))
        }
        for file in settings.jwtFiles {
            try await Self.patiently(at: source) { _ = try await writeJWT(file) }
        }
    }

    private func patiently<Answer: Sendable>(
        _ question: @escaping @Sendable (WorkloadAPIConnection) async throws -> Answer
    ) async throws -> Answer {
        try await Self.patiently(at: source) { try await source.connected(question) }
    }

    /// Asks again where there is no identity: who registers the job may be about to.
    private static func patiently<Answer: Sendable>(
        at source: WorkloadAPISource,
        _ work: () async throws -> Answer
    ) async throws -> Answer {
        var pauses = RetryPause.ofOneShot
        for _ in 1..<10 {
            do {
                return try await work()
            } catch WorkloadAPIError.status(.permissionDenied, _) {
                try await Task.sleep(for: pauses.take())
            } catch {
                throw CommandFailure.of(error, at: source.endpoint)
            }
        }
        do { return try await work() } catch { throw CommandFailure.of(error, at: source.endpoint) }
    }
}
