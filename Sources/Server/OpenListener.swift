import NIOCore
import NIOExtras

/// A socket that accepts connections until it is drained.
struct OpenListener: Sendable {
    private let channel: any Channel
    private let quiescing: ServerQuiescingHelper
    private let drained: EventLoopPromise<Void>

    init(channel: any Channel, quiescing: ServerQuiescingHelper, drained: EventLoopPromise<Void>) {
        self.channel = channel
        self.quiescing = quiescing
        self.drained = drained
    }

    /// Stops accepting, closes idle connections and lets the others finish the request they are at.
    ///
    /// Once.
    func drain() {
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
