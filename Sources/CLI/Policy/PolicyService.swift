import Foundation
import Logging
import Policy
import ServiceLifecycle
import Synchronization

/// Takes over a changed policy two seconds after its last change, or at SIGHUP: all of it, or nothing.
final class PolicyService: Service {
    private let file: PolicyFile
    private let logger: Logger
    private let use: @Sendable (PolicySet) -> Void
    private let failed = Mutex(0)
    /// Of its own, for a long file must not hold up those who ask for tokens; one after the other, for of two at once the
    /// one that read the older file could come last.
    private let queue = DispatchQueue(label: "jobsworth.policy")

    init(file: PolicyFile, logger: Logger, use: @escaping @Sendable (PolicySet) -> Void) {
        self.file = file
        self.logger = logger
        self.use = use
    }

    /// How often a changed file could not be taken over.
    var failures: Int {
        failed.withLock { $0 }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                queue.async { [self] in
                    if file.hasSettled() { reloadNow() }
                }
            }
        }
    }

    /// Reads the file, soon.
    func reload() {
        queue.async { [self] in reloadNow() }
    }

    private func reloadNow() {
        do {
            use(try file.reload())
            logger.info("policy reloaded", metadata: ["file": "\(file.path)"])
        } catch {
            failed.withLock { $0 += 1 }
            let why = (error as? CommandFailure)?.message ?? "\(error)"
            logger.error("policy not reloaded, the old one stays: \(why)", metadata: ["file": "\(file.path)"])
        }
    }
}
