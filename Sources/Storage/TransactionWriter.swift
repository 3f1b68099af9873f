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
    private let company: GroupCompany
    private let finished = DispatchSemaphore(value: 0)

    private struct State {
        var waiting: [any PendingWork] = []
        /// How many have to wait until the thread is woken; nil while it is busy and will look by itself.
        var wakesAt: Int? = nil
        var isClosed = false
        /// After a failed write or flush nobody knows what the disk holds: nothing is written until a restart.
        var isBroken = false
        var failures = 0
        var truncatesLog = false
    }

    init(connection: DatabaseQueue, logger: Logger, company: GroupCompany = GroupCompany()) {
        self.connection = connection
        self.company = company
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
        _ body: @escaping @Sendable (Transaction) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            write(body, committed: committed) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Runs `body`, which writes nothing, between the transactions of others.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value,
        then: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(StoreError) -> Value {
        try await write({ try body($0.database) }, committed: then)
    }

    /// The same without a task that waits: `then` has the answer, on the writer's thread after the commit, or at once
    /// where nothing can be queued.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Value,
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
            state.wakesAt = nil
            return state.isClosed
        }
        guard !wasClosed else { return }
        work.signal()
        finished.wait()
        try? connection.close()
    }

    private func enqueue(_ pending: any PendingWork) {
        var refusal: StoreError?
        var isToWake = false
        state.withLock { state in
            if state.isClosed || state.isBroken {
                refusal = .unavailable
            } else if state.waiting.count >= Self.maximumWaiting {
                refusal = .overloaded
            } else {
                state.waiting.append(pending)
                isToWake = state.wakesAt.map { state.waiting.count >= $0 } ?? false
                if isToWake { state.wakesAt = nil }
            }
        }
        if let refusal { return pending.fail(refusal) }
        if isToWake { work.signal() }
    }

    private func run() {
        var company = company
        // Of this thread alone, and gone before the connection is closed.
        var statements: TokenStatements?
        while let group = nextGroup(joining: company) {
            company.note(group.count)
            if !group.isEmpty { commit(group, &statements) }
        }
        statements = nil
        finished.signal()
    }

    /// What is committed next, after waiting for the first piece of it and perhaps for others; nil at the end.
    private func nextGroup(joining company: GroupCompany) -> [any PendingWork]? {
        if wait(for: 1) { work.wait() }
        let wanted = min(company.wanted, Self.maximumGroup)
        if wanted > 1, wait(for: wanted) { _ = work.wait(timeout: .now() + .microseconds(company.patience)) }
        return state.withLock { state in
            state.wakesAt = nil
            if state.waiting.isEmpty { return state.isClosed ? nil : [] }
            if state.waiting.count <= Self.maximumGroup {
                defer { state.waiting = [] }
                return state.waiting
            }
            defer { state.waiting.removeFirst(Self.maximumGroup) }
            return Array(state.waiting.prefix(Self.maximumGroup))
        }
    }

    /// Whether fewer wait than `count`; then the thread is woken when there are as many, or at the end.
    private func wait(for count: Int) -> Bool {
        state.withLock { state in
            guard state.waiting.count < count, !state.isClosed else { return false }
            state.wakesAt = count
            return true
        }
    }

    private func commit(_ group: [any PendingWork], _ statements: inout TokenStatements?) {
        if tryCommit(group, &statements) { return }
        for pending in group where !tryCommit([pending], &statements) { pending.fail(.unavailable) }
    }

    private func tryCommit(_ group: [any PendingWork], _ statements: inout TokenStatements?) -> Bool {
        guard state.withLock({ !$0.isBroken }) else { return false }
        do {
            try connection.inDatabase { database in
                let prepared = try statements ?? TokenStatements(database)
                statements = prepared
                try database.inTransaction(.immediate) {
                    let transaction = Transaction(database, prepared)
                    for pending in group { try pending.run(in: transaction) }
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
    func run(in transaction: Transaction) throws
    func succeed()
    func fail(_ error: StoreError)
}

private final class Pending<Value: Sendable>: PendingWork {
    private let body: @Sendable (Transaction) throws -> Value
    private let committed: @Sendable (Value) -> Void
    private let then: @Sendable (Result<Value, StoreError>) -> Void
    private let value = Mutex<Value?>(nil)

    init(
        body: @escaping @Sendable (Transaction) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void,
        then: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        self.body = body
        self.committed = committed
        self.then = then
    }

    func run(in transaction: Transaction) throws {
        let result = try body(transaction)
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
