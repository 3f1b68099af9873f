import NIOCore
import NIOExtras

/// A socket that accepts connections until it is drained.
struct OpenListener: Sendable {
    private let channel: any Channel
    private let quiescing: ServerQuiescingHelper
    private let drained: EventLoopPromise<Void>
    private let socketFile: BoundSocketFile?

    init(
        channel: any Channel,
        quiescing: ServerQuiescingHelper,
        drained: EventLoopPromise<Void>,
        socketFile: BoundSocketFile?
    ) {
        self.channel = channel
        self.quiescing = quiescing
        self.drained = drained
        self.socketFile = socketFile
    }

    /// Takes a socket's file away, stops accepting, closes idle connections and lets the others finish the request they
    /// are at.
    ///
    /// Once.
    func drain() {
        socketFile?.remove()
        quiescing.initiateShutdown(promise: drained)
    }

    /// Returns when nothing is accepted any more.
    func stopped() async {
        try? await channel.closeFuture.get()
    }

    /// Returns when the last connection is closed.
    func emptied() async {
        try? await drained.futureResult.get()
    }
}
