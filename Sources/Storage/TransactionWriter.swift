import Foundation
import GRDB
import Issuer
import Logging
import Synchronization

/// One thread that owns the connection and commits what has queued in one transaction: a group of 64 records costs
/// little more than one, for it is the flush to disk that is slow.
///
/// Who asks is answered only after the commit that holds its work. Work that throws, or a commit that fails, is tried
/// once more by itself, so that one poisoned piece does not fail its neighbours.
final class TransactionWriter: Sendable {
    private static let maximumGroup = 256
    private static let maximumWaiting = 8192

    private let connection: DatabaseQueue
    private let logger: Logger
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)

    private struct State {
        var waiting: [any PendingWork] = []
        var isClosed = false
        /// After a failed write or flush nobody knows what the disk holds: nothing is written until a restart.
        var isBroken = false
        var failures = 0
        var truncatesLog = false
    }

    init(connection: DatabaseQueue, logger: Logger) {
        self.connection = connection
        self.logger = logger
        let thread = Thread { [self] in run() }
        thread.name = "store writer"
        thread.start()
    }

    /// The file of the database.
    var path: String {
        connection.path
    }

    /// Runs `body` in a transaction; `committed` runs after the commit and before the answer, in the order of commits.
    ///
    /// `body` may run twice and must do nothing but read and write the database.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            write(body, committed: committed) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// The same without a task that waits: `then` has the answer, on the writer's thread after the commit, or at once
    /// where nothing can be queued.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void = { _ in },
        then: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        enqueue(Pending(body: body, committed: committed, then: then))
    }

    /// Writes nothing any more, until a restart.
    func stop() {
        state.withLock { $0.isBroken = true }
    }

    /// Empties the write-ahead log before the next group: what was erased from the file is then nowhere.
    func truncateLogAfterCommit() {
        state.withLock { $0.truncatesLog = true }
    }

    /// Whether work can be committed now.
    var isWorking: Bool {
        state.withLock { !$0.isClosed && !$0.isBroken }
    }

    /// Commits what waits, then ends the thread and closes the database.
    func close() {
        let wasClosed = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        guard !wasClosed else { return }
        work.signal()
        finished.wait()
        try? connection.close()
    }

    private func enqueue(_ pending: any PendingWork) {
        let refusal: StoreError? = state.withLock { state in
            if state.isClosed || state.isBroken { return .unavailable }
            if state.waiting.count >= Self.maximumWaiting { return .overloaded }
            state.waiting.append(pending)
            return nil
        }
        if let refusal { pending.fail(refusal) } else { work.signal() }
    }

    private func run() {
        while true {
            work.wait()
            let (group, isClosed) = state.withLock { state in
                let group = Array(state.waiting.prefix(Self.maximumGroup))
                state.waiting.removeFirst(group.count)
                return (group, state.isClosed)
            }
            if !group.isEmpty { commit(group) } else if isClosed { break }
        }
        finished.signal()
    }

    private func commit(_ group: [any PendingWork]) {
        if tryCommit(group) { return }
        for pending in group where !tryCommit([pending]) { pending.fail(.unavailable) }
    }

    private func tryCommit(_ group: [any PendingWork]) -> Bool {
        guard state.withLock({ !$0.isBroken }) else { return false }
        do {
            try connection.inDatabase { database in
                try database.inTransaction(.immediate) {
                    for pending in group { try pending.run(in: database) }
                    return .commit
                }
            }
        } catch {
            note(error)
            return false
        }
        for pending in group { pending.succeed() }
        truncateLogIfAsked()
        return true
    }

    /// A log that can't be emptied now is emptied another time; what is in it is sealed.
    private func truncateLogIfAsked() {
        let isAsked = state.withLock { state in
            defer { state.truncatesLog = false }
            return state.truncatesLog
        }
        guard isAsked else { return }
        do {
            _ = try connection.inDatabase { try $0.checkpoint(.truncate) }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_IOERR {
            note(error)
        } catch {}
    }

    private func note(_ error: any Error) {
        let code = (error as? DatabaseError)?.resultCode
        let failures = state.withLock { state in
            state.failures += 1
            return state.failures
        }
        // Each request tries: the first, second, fourth … failure says enough.
        if failures & (failures - 1) == 0 {
            logger.error(
                "store write failed",
                metadata: ["error.code": "\(code?.rawValue ?? -1)", "count": "\(failures)"]
            )
        }
        if code == .SQLITE_IOERR || code == .SQLITE_CORRUPT {
            state.withLock { $0.isBroken = true }
            logger.critical("the disk failed: nothing will be written, and no token issued, until a restart")
        }
    }
}

/// Work of any result type, as the queue holds it.
private protocol PendingWork: Sendable {
    func run(in database: Database) throws
    func succeed()
    func fail(_ error: StoreError)
}

private final class Pending<Value: Sendable>: PendingWork {
    private let body: @Sendable (Database) throws -> Value
    private let committed: @Sendable (Value) -> Void
    private let then: @Sendable (Result<Value, StoreError>) -> Void
    private let value = Mutex<Value?>(nil)

    init(
        body: @escaping @Sendable (Database) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void,
        then: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        self.body = body
        self.committed = committed
        self.then = then
    }

    func run(in database: Database) throws {
        let result = try body(database)
        value.withLock { $0 = result }
    }

    func succeed() {
        guard let result = value.withLock({ $0 }) else { return fail(.unavailable) }
        committed(result)
        then(.success(result))
    }

    func fail(_ error: StoreError) {
        then(.failure(error))
    }
}
