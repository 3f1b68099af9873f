import Agent
import Foundation
import JOSE

/// A Workload API that is connected to when it is asked.
struct WorkloadAPISource: Sendable {
    let endpoint: WorkloadEndpoint
    let evidence: EvidenceSource
    let timeout: Duration

    /// The endpoint of an option, or else of the environment (SPIFFE Workload Endpoint §4).
    static func endpoint(_ option: String?) throws -> WorkloadEndpoint {
        let variable = ProcessInfo.processInfo.environment[WorkloadEndpoint.variable].flatMap { $0.isEmpty ? nil : $0 }
        guard let text = option ?? variable else {
            throw CommandFailure.wrongConfiguration(
                "which Workload API? say --socket unix:///path or set \(WorkloadEndpoint.variable)"
            )
        }
        do throws(WorkloadEndpointError) {
            return try WorkloadEndpoint(parsing: ByteString(text))
        } catch {
            let place = option == nil ? WorkloadEndpoint.variable : "the socket"
            throw CommandFailure.wrongConfiguration("\(place) is no endpoint: \(error.explanation)")
        }
    }

    /// Connects, does the work and disconnects; whatever goes wrong is a ``CommandFailure``.
    func ask<Result: Sendable>(
        _ work: @escaping @Sendable (WorkloadAPIConnection) async throws -> Result
    ) async throws -> Result {
        do {
            return try await connected(work)
        } catch {
            throw CommandFailure.of(error, at: endpoint)
        }
    }

    /// As ``ask(_:)``, with the error as it came.
    func connected<Result: Sendable>(
        _ work: @escaping @Sendable (WorkloadAPIConnection) async throws -> Result
    ) async throws -> Result {
        let evidence = try evidence.current()
        try SocketProbe.require(endpoint)
        return try await WorkloadAPIConnection.open(to: endpoint, evidence: evidence, timeout: timeout, work)
    }
}
