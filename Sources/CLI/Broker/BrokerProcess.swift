import CLinux
import Foundation
import Logging
import NIOCore
import Server
import ServiceLifecycle
import UnixSignals

/// Holds the runner's credential and speaks with the issuer for the users that it is for, until it is told to stop.
struct BrokerProcess {
    private let socket: String
    private let users: [UserID]
    private let issuer: BrokeredIssuer
    private let logger: Logger

    /// Reads the credential, after no other process of this user can look into ours.
    init(url: RunnerPlaneURL, credentialFile: String, socket: String, users: [UserID]) throws {
        guard jobsworth_forbid_inspection() == 0 else {
            throw CommandFailure.failed("the kernel does not hide this process's memory (PR_SET_DUMPABLE)")
        }
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        logger = Logger(label: "jobsworth")
        self.socket = socket
        self.users = users
        issuer = try BrokeredIssuer(url, credentialFile: credentialFile, logger: logger)
    }

    func run() async throws {
        // Another way to a long path goes by our own descriptors, which we hid from ourselves, too.
        guard socket.utf8.count <= 100 else {
            throw CommandFailure.wrongConfiguration(
                "the path of --socket is longer than 100 bytes; choose a shorter one"
            )
        }
        try SocketFile.requireSafeFolder(of: socket)
        try SocketFile.makeRoom(at: socket, option: "--socket")
        warnOfOwnUser()
        // One that comes before anybody waits for it must not end us.
        signal(SIGHUP, SIG_IGN)
        try await run([HangupService { [issuer] in issuer.reload() }, Listeners([listener])])
    }

    private func run(_ services: [any Service]) async throws {
        var group = ServiceGroupConfiguration(
            services: services.map { .init(service: NamedService($0)) },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        // A little more than a request may take.
        group.maximumGracefulShutdownDuration = .seconds(40)
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as ListenerError {
            throw CommandFailure.failed("cannot listen on \(error.address): \(error.reason)")
        } catch {
            throw CommandFailure.failed("the broker stopped: \(error)")
        }
    }

    private var listener: Listener {
        var limits = RequestLimits()
        // The issuer is given thirty seconds.
        limits.answerDeadline = .seconds(35)
        let plane = BrokerPlane(jobs: BrokeredJobs(), logger: logger) { [issuer] in try await issuer.answer($0) }
        return Listener(
            address: .unix(path: socket),
            plane: plane,
            limits: limits,
            load: ServerLoad(maximumRequests: 128, maximumConnections: OpenFiles.raiseLimit() / 2),
            peers: AllowedPeers(uids: allowed, socketMode: 0o666, refused: RefusedPeers(logger).note)
        ) { [logger, socket, allowed] in
            let uids = allowed.sorted().map { "\($0)" }.joined(separator: " ")
            logger.info("listening", metadata: ["address": "unix:\(socket)", "uids": "\(uids)"])
        }
    }

    private var allowed: Set<uid_t> {
        Set(users.isEmpty ? [getuid()] : users.map(\.value)).union([0])
    }

    /// Who runs as our own user can read the credential's file: the broker keeps nothing from them.
    private func warnOfOwnUser() {
        guard getuid() != 0, allowed.contains(getuid()) else { return }
        logger.warning(
            "the broker's own user may use it; give it a user of its own, and name the agent's by --allow-uid"
        )
    }
}
