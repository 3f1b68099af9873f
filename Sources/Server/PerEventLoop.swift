import NIOCore
import Synchronization

/// One value for each event loop that has connections, used on that event loop only.
final class PerEventLoop<Value>: Sendable {
    private let make: @Sendable (any EventLoop) -> Value
    private let values = Mutex<[ObjectIdentifier: NIOLoopBound<Value>]>([:])

    init(_ make: @escaping @Sendable (any EventLoop) -> Value) {
        self.make = make
    }

    /// The one of the event loop that this is called on.
    func value(on eventLoop: any EventLoop) -> Value {
        values.withLock { values in
            let key = ObjectIdentifier(eventLoop)
            if let known = values[key] { return known }
            let new = NIOLoopBound(make(eventLoop), eventLoop: eventLoop)
            values[key] = new
            return new
        }.value
    }
}
