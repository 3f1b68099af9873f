import Foundation
import Logging
import Synchronization

/// Logs a sample of those who are turned away, the first, second, fourth, …: none of them must fill the disk.
final class RefusedPeers: Sendable {
    private let count = Atomic(0)
    private let logger: Logger

    init(_ logger: Logger) {
        self.logger = logger
    }

    @Sendable func note(_ uid: uid_t) {
        let count = count.wrappingAdd(1, ordering: .relaxed).newValue
        guard count & (count - 1) == 0 else { return }
        logger.warning("a user is turned away", metadata: ["peer.uid": "\(uid)", "count": "\(count)"])
    }
}
