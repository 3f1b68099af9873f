import ServiceLifecycle

/// All listeners of a server as one service: all are open or none is, they stop accepting together and drain together.
package struct Listeners: Service {
    private let all: [Listener]

    package init(_ all: [Listener]) {
        self.all = all
    }

    package func run() async throws {
        let open = try await openAll()
        await withTaskCancellationOrGracefulShutdownHandler {
            for listener in open { await listener.stopped() }
        } onCancelOrGracefulShutdown: {
            for listener in open { listener.drain() }
        }
        for listener in open { await listener.emptied() }
    }

    private func openAll() async throws(ListenerError) -> [OpenListener] {
        var open: [OpenListener] = []
        for listener in all {
            do throws(ListenerError) {
                open.append(try await listener.open())
            } catch {
                for listener in open {
                    listener.drain()
                    await listener.emptied()
                }
                throw error
            }
        }
        return open
    }
}
