import ServiceLifecycle
import Storage

/// Keeps the store open until everything that writes to it has stopped.
struct StoreService: Service {
    let store: SQLiteStore
    let lock: StoreLock

    func run() async throws {
        try? await gracefulShutdown()
        store.close()
    }
}
