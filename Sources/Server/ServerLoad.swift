import Synchronization

/// How much is under way: more than the bounds is turned away at once rather than kept waiting.
package final class ServerLoad: Sendable {
    private let maximumRequests: Int
    private let maximumConnections: Int
    private let requests = Atomic(0)
    private let connections = Atomic(0)

    package init(maximumRequests: Int, maximumConnections: Int) {
        self.maximumRequests = maximumRequests
        self.maximumConnections = maximumConnections
    }

    func begin() -> Bool {
        Self.enter(requests, maximumRequests)
    }

    func end() {
        requests.subtract(1, ordering: .relaxed)
    }

    func connect() -> Bool {
        Self.enter(connections, maximumConnections)
    }

    func disconnect() {
        connections.subtract(1, ordering: .relaxed)
    }

    /// Three quarters of the connections are taken: idle ones must make room.
    var isCrowded: Bool {
        connections.load(ordering: .relaxed) * 4 > maximumConnections * 3
    }

    private static func enter(_ counter: borrowing Atomic<Int>, _ maximum: Int) -> Bool {
        if counter.add(1, ordering: .relaxed).newValue <= maximum { return true }
        counter.subtract(1, ordering: .relaxed)
        return false
    }
}
