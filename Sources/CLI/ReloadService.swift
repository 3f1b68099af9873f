import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// Takes over a changed file two seconds after its last change, or at SIGHUP: all of it, or nothing.
final class ReloadService: Service {
    private let file: WatchedFile
    /// What the file is, for the log.
    private let name: String
    private let logger: Logger
    private let reloadFile: @Sendable () throws -> Void
    private let failed = Mutex(0)
    /// Of its own, for a long file must not hold up those who ask for tokens; one after the other, for of two at once the
    /// one that read the older file could come last.
    private let queue = DispatchQueue(label: "jobsworth.reload")

    init(_ name: String, of file: WatchedFile, logger: Logger, reload: @escaping @Sendable () throws -> Void) {
        self.name = name
        self.file = file
        self.logger = logger
        reloadFile = reload
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
        file.willBeRead()
        do {
            try reloadFile()
            logger.info("\(name) reloaded", metadata: ["file": "\(file.path)"])
        } catch {
            failed.withLock { $0 += 1 }
            let why = (error as? CommandFailure)?.message ?? "\(error)"
            logger.error("\(name) not reloaded, the old one stays: \(why)", metadata: ["file": "\(file.path)"])
        }
    }
}
