import Issuer
import NIOCore
import Synchronization

/// The way of finished tokens from the thread that wrote their records to their event loop, which is woken once for all
/// that come together.
final class TokenReleases: Sendable {
    struct Delivery: Sendable {
        let entry: NIOLoopBound<TokenRound.Entry>
        let outcome: ReleaseOutcome
    }

    private let eventLoop: any EventLoop
    private let waiting = Mutex<[Delivery]>([])

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func deliver(_ delivery: Delivery) {
        let isFirst = waiting.withLock { waiting in
            waiting.append(delivery)
            return waiting.count == 1
        }
        if isFirst { eventLoop.execute { self.write() } }
    }

    /// All answers are written before the first is sent: sending one wakes its reader, who wants the processor too.
    private func write() {
        let deliveries = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for delivery in deliveries {
            delivery.entry.value.handler.write(delivery.outcome)
        }
        for delivery in deliveries { delivery.entry.value.handler.flush() }
    }
}
