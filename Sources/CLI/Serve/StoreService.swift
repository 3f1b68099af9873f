import ServiceLifecycle
import Storage

/// Keeps the store open until everything that writes to it has stopped, and looks after its file.
struct StoreService: Service {
    let store: SQLiteStore
    let lock: StoreLock

    func run() async throws {
        await cancelWhenGracefulShutdown { [store] in
            while !Task.isCancelled {
                store.stopIfMoved()
                try? await Task.sleep(for: .seconds(1))
            }
        }
        store.close()
    }
}
