import ServiceLifecycle
import Storage

/// Keeps the store open until everything that writes to it has stopped, and has it look after itself.
struct StoreService: Service {
    let store: any IssuerStore
    let lock: StoreLock?

    func run() async throws {
        await cancelWhenGracefulShutdown { [store] in
            while !Task.isCancelled {
                await store.tend()
                try? await Task.sleep(for: .seconds(1))
            }
        }
        store.close()
    }
}
