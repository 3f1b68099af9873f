import Agent
import CLinux
import Foundation
import Keys
import Logging
import Server
import ServiceLifecycle
import UnixSignals

/// A socket of one job, relayed to the agent until the job's token has expired or we are told to stop.
struct RelayProcess {
    let tokenFile: String
    let socket: String
    let agent: WorkloadEndpoint
    /// Who may connect besides root; ourselves alone where there is none.
    let users: [UserID]

    func run() async throws {
        // The token is in our memory: no other process of this user is to look there.
        guard jobsworth_forbid_inspection() == 0 else {
            throw CommandFailure.failed("the kernel does not hide this process's memory (PR_SET_DUMPABLE)")
        }
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        try SocketFile.requireSafeFolder(of: socket)
        let logger = Logger(label: "jobsworth")
        var group = ServiceGroupConfiguration(
            services: [
                .init(service: try relay(logger), successTerminationBehavior: .gracefullyShutdownGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = .seconds(10)
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as WorkloadSocketError {
            throw error.failure
        } catch {
            throw CommandFailure.failed("the relay stopped: \(error)")
        }
    }

    private func relay(_ logger: Logger) throws -> WorkloadRelay {
        let tokenFile = tokenFile
        do {
            return try WorkloadRelay(
                socket: offered,
                agent: agent,
                readToken: { try PrivateFile.read(tokenFile, limit: 20_000) },
                logger: logger
            ) { NumericDate.now }
        } catch let error as RelayedTokenError {
            throw CommandFailure.failed("\(tokenFile): \(error.explanation)")
        }
    }

    /// For users other than ours, the file lets everybody try, and the peer's uid decides.
    private var offered: WorkloadSocket {
        guard !users.isEmpty else { return .ofJob(path: socket, ownerUID: getuid()) }
        return WorkloadSocket(path: socket, mode: 0o666, allowedUIDs: Set(users.map(\.value)).union([0]))
    }
}
