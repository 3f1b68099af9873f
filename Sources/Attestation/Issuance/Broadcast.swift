private import Synchronization

/// A value that changes, and those who are told: each hears the value of now first, and never an old one after a new.
///
/// Who is slow misses what was replaced meanwhile.
package final class Broadcast<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var listeners: [Int: AsyncStream<Value>.Continuation] = [:]
        var nextListener = 0
    }

    private let state: Mutex<State>

    package init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    package var value: Value {
        state.withLock { $0.value }
    }

    /// The value from now on.
    package func send(_ value: Value) {
        state.withLock { state in
            state.value = value
            for listener in state.listeners.values { listener.yield(value) }
        }
    }

    /// The value now, and each newer one.
    package func values() -> AsyncStream<Value> {
        let (stream, continuation) = AsyncStream.makeStream(of: Value.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { state in
            let listener = state.nextListener
            state.nextListener += 1
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.listeners.removeValue(forKey: listener) }
            }
            state.listeners[listener] = continuation
            continuation.yield(state.value)
        }
        return stream
    }
}
