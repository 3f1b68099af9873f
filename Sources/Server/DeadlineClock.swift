import NIOCore

/// One timer for the deadlines of all connections of an event loop; of that event loop only.
///
/// A timer for each connection was half of what a flood on thousands of them cost: the loop keeps its timers in a heap,
/// and every turn took one from a heap of all.
final class DeadlineClock {
    private static let tick = TimeAmount.milliseconds(500)

    private let eventLoop: any EventLoop
    private var handlers: [ObjectIdentifier: DeadlineHandler] = [:]
    private var timer: RepeatedTask?

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Has the handler look at its deadline twice a second from now on.
    func add(_ handler: DeadlineHandler) {
        handlers[ObjectIdentifier(handler)] = handler
        guard timer == nil else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in
            bound.value.check()
        }
    }

    func remove(_ handler: DeadlineHandler) {
        handlers[ObjectIdentifier(handler)] = nil
        guard handlers.isEmpty else { return }
        timer?.cancel()
        timer = nil
    }

    /// Those whose time is up close their connections, and remove themselves.
    private func check() {
        for handler in Array(handlers.values) { handler.check() }
    }
}
