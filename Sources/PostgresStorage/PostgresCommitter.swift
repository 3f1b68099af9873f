import Foundation
import Issuer
import JOSE
import Logging
import Synchronization

/// One thread and its connection, which commit what has queued in one transaction: the round trips and the flush of the
/// server are shared by all of a group.
///
/// Who asks is answered only after the commit that holds the work. A group that is refused is tried again piece by piece.
/// Where nobody knows whether a commit was done, the pieces are refused: what was recorded was then not released.
final class PostgresCommitter: Sendable {
    private static let maximumGroup = 256
    private static let maximumWaiting = 8192
    private static let maximumAttempts = 3
    /// The least and the greatest time between two attempts to connect.
    private static let pauses: ClosedRange<Duration> = .milliseconds(200) ... .seconds(2)

    private let chain: ByteString
    private let logger: Logger
    private let ring: PostgresRingState
    private let state = Mutex(State())
    private let knownUses = Mutex<[ByteString: Int64]>([:])
    /// The end of our chain as we last committed it.
    private let tail = Mutex<PostgresChainTail?>(nil)
    private let work = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)

    private struct State {
        var waiting: [any PostgresWork] = []
        /// Whether the thread waits to be woken; else it looks by itself.
        var isAsleep = false
        var isClosed = false
        /// No connection is to be had: whoever asks is refused at once.
        var isAway = false
        /// The server lacks what it had: nothing is committed to it.
        var isBehind = false
        var failures = 0
    }

    init(_ link: sending PostgresLink, chain: ByteString, ring: PostgresRingState, logger: Logger) {
        self.chain = chain
        self.ring = ring
        self.logger = logger
        // Handed over to the thread, and used by nobody else.
        nonisolated(unsafe) let link = link
        let thread = Thread { [self] in run(link) }
        thread.name = "store writer"
        thread.start()
    }

    /// Whether work can be committed now, as far as the last attempt told.
    var isWorking: Bool {
        state.withLock { !$0.isClosed && !$0.isAway && !$0.isBehind }
    }

    func write<Value: Sendable>(
        _ locks: PostgresLocks,
        _ body: @escaping @Sendable (PostgresTransaction) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            write(locks, body, committed: committed) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Runs `body` in a transaction, in a group with its neighbours unless it is to be alone.
    ///
    /// `body` may run several times and must do nothing but read and write the database. `then` has the answer on the
    /// committing thread, or at once where nothing can be queued.
    func write<Value: Sendable>(
        _ locks: PostgresLocks,
        _ body: @escaping @Sendable (PostgresTransaction) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void = { _ in },
        then: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        enqueue(PendingWrite(locks: locks, body: body, committed: committed, then: then))
    }

    /// Commits what waits, then ends the thread and closes the connection.
    func close() {
        let wasClosed = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        guard !wasClosed else { return }
        work.signal()
        finished.wait()
    }

    private func enqueue(_ piece: any PostgresWork) {
        var refusal: StoreError?
        var isToWake = false
        state.withLock { state in
            if state.isClosed || state.isAway {
                refusal = .unavailable
            } else if state.waiting.count >= Self.maximumWaiting {
                refusal = .overloaded
            } else {
                state.waiting.append(piece)
                isToWake = state.isAsleep
                state.isAsleep = false
            }
        }
        if let refusal { return piece.fail(refusal) }
        if isToWake { work.signal() }
    }

    // MARK: - The thread

    private func run(_ link: PostgresLink) {
        while let group = nextGroup(link) {
            if !group.isEmpty { commit(group, link) }
        }
        link.close()
        finished.signal()
    }

    /// What is committed next; nil at the end.
    private func nextGroup(_ link: PostgresLink) -> [any PostgresWork]? {
        let isToWait = state.withLock { state in
            state.isAsleep = state.waiting.isEmpty && !state.isClosed
            return state.isAsleep
        }
        if isToWait { work.wait() }
        return state.withLock { state in
            state.isAsleep = false
            guard let first = state.waiting.first else { return state.isClosed ? nil : [] }
            let count =
                first.locks.isAlone ? 1 : state.waiting.prefix(Self.maximumGroup).prefix { !$0.locks.isAlone }.count
            defer { state.waiting.removeFirst(count) }
            return Array(state.waiting.prefix(count))
        }
    }

    private func commit(_ group: [any PostgresWork], _ link: PostgresLink) {
        switch attempt(group, link) {
        case .committed: for piece in group { piece.succeed() }
        case .refused where group.count > 1:
            for piece in group { commit([piece], link) }
        case .refused, .exhausted, .unknown: for piece in group { piece.fail(.unavailable) }
        case .away:
            for piece in group { piece.fail(.unavailable) }
            waitForServer(link)
        }
    }

    private enum Outcome {
        case committed
        /// By the server, with nothing of it done.
        case refused
        /// Again and again, for reasons that pass: locks that others hold.
        case exhausted
        /// The connection was lost while the commit was under way.
        case unknown
        /// There is no connection, and nothing was done.
        case away
    }

    /// Tries again what may go well the next time; where the connection was lost before the commit, on a new one.
    private func attempt(_ group: [any PostgresWork], _ link: PostgresLink) -> Outcome {
        var locks = PostgresLocks()
        for piece in group { locks.formUnion(piece.locks) }
        for number in 1...Self.maximumAttempts {
            guard let connection = try? link.connected() else { return .away }
            switch once(group, locks, connection) {
            case .success: return .committed
            case .failure(.lostInCommit): return .unknown
            case .failure(.lost) where number < Self.maximumAttempts: continue
            case .failure(.lost), .failure(.late): return .away
            case .failure(.refused(let error)):
                note(error)
                guard let failure = error as? PostgresFailure, failure.isTransient else { return .refused }
                // Behind a crowd that shares a row one could wait for ever: the crowd waits at the gate.
                if failure.isStarved { locks.gate = .exclusive }
            }
        }
        return .exhausted
    }

    private enum AttemptError: Error {
        case lost
        case late
        case lostInCommit
        case refused(any Error)
    }

    private func once(
        _ group: [any PostgresWork],
        _ locks: PostgresLocks,
        _ connection: PostgresConnection
    ) -> Result<Void, AttemptError> {
        var isCommitting = false
        do {
            let known = knownUses.withLock { $0 }
            let transaction = try PostgresTransaction(
                connection,
                chain: chain,
                locks: locks,
                ring: ring,
                knownUses: known,
                after: tail.withLock { $0 }
            )
            for piece in group { try piece.run(in: transaction) }
            isCommitting = true
            try transaction.commit()
            let uses = transaction.usesAfterCommit
            knownUses.withLock { $0 = uses }
            let end = transaction.tail
            tail.withLock { $0 = end }
            noteBehind(false)
            return .success(())
        } catch PostgresFailure.lost, PostgresFailure.unexpected {
            connection.close()
            return .failure(isCommitting ? .lostInCommit : .lost)
        } catch PostgresFailure.regressed {
            connection.close()
            noteBehind(true)
            return .failure(.late)
        } catch PostgresFailure.late {
            connection.close()
            return .failure(isCommitting ? .lostInCommit : .late)
        } catch {
            // Where not even that can be said, the connection is closed, and the server rolls back by itself.
            if (try? connection.run(PostgresStatement("ROLLBACK"))) == nil { connection.close() }
            return .failure(.refused(error))
        }
    }

    // MARK: - Failures

    /// Refuses what comes until there is a connection again.
    private func waitForServer(_ link: PostgresLink) {
        let waiting = state.withLock { state in
            state.isAway = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for piece in waiting { piece.fail(.unavailable) }
        var pause = Self.pauses.lowerBound
        while !state.withLock({ $0.isClosed }) {
            if (try? link.connected()) != nil { break }
            Thread.sleep(
                forTimeInterval: Double(pause.components.seconds) + Double(pause.components.attoseconds) / 1e18
            )
            pause = min(pause * 2, Self.pauses.upperBound)
        }
        state.withLock { $0.isAway = false }
    }

    private func noteBehind(_ isBehind: Bool) {
        let wasBehind = state.withLock { state in
            defer { state.isBehind = isBehind }
            return state.isBehind
        }
        guard isBehind != wasBehind else { return }
        if isBehind {
            logger.critical(
                "the database lacks records that it had committed: no token is issued until they are back or, with the loss accepted, a restart",
                metadata: ["chain": "\(chain)", "sequence": "\(tail.withLock { $0?.sequence ?? 0 })"]
            )
        } else {
            logger.notice("the database has its records again")
        }
    }

    private func note(_ error: any Error) {
        let failures = state.withLock { state in
            state.failures += 1
            return state.failures
        }
        guard failures & (failures - 1) == 0 else { return }
        var metadata: Logger.Metadata = ["count": "\(failures)"]
        if case PostgresFailure.refused(let state, let message) = error {
            metadata["error.code"] = "\(state)"
            metadata["reason"] = "\(message)"
        }
        logger.error("store write failed", metadata: metadata)
    }
}

/// Work of any result type, as the queue holds it.
private protocol PostgresWork: Sendable {
    var locks: PostgresLocks { get }
    func run(in transaction: PostgresTransaction) throws
    func succeed()
    func fail(_ error: StoreError)
}

private final class PendingWrite<Value: Sendable>: PostgresWork {
    let locks: PostgresLocks
    private let body: @Sendable (PostgresTransaction) throws -> Value
    private let committed: @Sendable (Value) -> Void
    private let then: @Sendable (Result<Value, StoreError>) -> Void
    private let value = Mutex<Value?>(nil)

    init(
        locks: PostgresLocks,
        body: @escaping @Sendable (PostgresTransaction) throws -> Value,
        committed: @escaping @Sendable (Value) -> Void,
        then: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        self.locks = locks
        self.body = body
        self.committed = committed
        self.then = then
    }

    func run(in transaction: PostgresTransaction) throws {
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
