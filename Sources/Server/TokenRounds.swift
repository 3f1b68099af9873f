import NIOCore
import Synchronization

/// The ``TokenRound`` of each event loop that has connections.
final class TokenRounds: Sendable {
    private let rounds = Mutex<[ObjectIdentifier: NIOLoopBound<TokenRound>]>([:])

    /// The one of the event loop that this is called on.
    func round(of eventLoop: any EventLoop) -> TokenRound {
        rounds.withLock { rounds in
            let key = ObjectIdentifier(eventLoop)
            if let known = rounds[key] { return known }
            let new = NIOLoopBound(TokenRound(eventLoop: eventLoop), eventLoop: eventLoop)
            rounds[key] = new
            return new
        }.value
    }
}
