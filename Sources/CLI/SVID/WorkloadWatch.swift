import Agent
import GRPCCore

/// Follows a stream of a Workload API, and begins again when it ends (Workload API §4.2).
struct WorkloadWatch: Sendable {
    let source: WorkloadAPISource
    /// Told of each failure that another try follows.
    var complain: @Sendable (CommandFailure) -> Void = { StandardStreams.complain($0.message) }

    /// Goes on until it is cancelled; `work` calls `came` for each message, so that the next failure counts as the first.
    ///
    /// - Throws: ``CommandFailure`` where another try would end alike: what the request says is wrong.
    func follow(
        _ work: @escaping @Sendable (WorkloadAPIConnection, _ came: @escaping @Sendable () -> Void) async throws -> Void
    ) async throws {
        let pauses = SharedRetryPause(.ofDaemon)
        while !Task.isCancelled {
            do {
                try await source.connected { connection in try await work(connection, { pauses.reset() }) }
            } catch {
                if Task.isCancelled { return }
                let failure = CommandFailure.of(error, at: source.endpoint)
                guard Self.isWorthAnotherTry(error) else { throw failure }
                complain(failure)
            }
            try? await Task.sleep(for: pauses.take())
        }
    }

    /// Whether the same request may be answered later: a wrong one never is (SPIFFE clients never repeat these).
    static func isWorthAnotherTry(_ error: any Error) -> Bool {
        switch error {
        case WorkloadAPIError.status(.invalidArgument, _), WorkloadAPIError.evidenceInvalid,
            WorkloadAPIError.status(.unimplemented, _):
            false
        default: true
        }
    }
}
