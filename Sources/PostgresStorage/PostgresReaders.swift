import Foundation
import Issuer
import Logging
import Synchronization

/// A few connections that read, each with a thread of its own: libpq's answers are waited for, and not by a thread that
/// serves requests.
final class PostgresReaders: Sendable {
    private static let maximumWaiting = 4096
    /// The least time between two attempts to connect.
    private static let pause = 0.25

    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)
    private let count: Int

    private struct State {
        var waiting: [any PostgresReading] = []
        var isClosed = false
        /// No connection is to be had: whoever asks is refused, and one thread looks for the server.
        var isAway = false
    }

    init(_ address: PostgresAddress, count: Int, patience: Duration, lineage: PostgresLineage, logger: Logger) {
        self.count = count
        let milliseconds = patience.components.seconds * 1000
        let settings = [
            "SET statement_timeout = \(milliseconds)", "SET default_transaction_read_only = on",
        ]
        for number in 0..<count {
            let thread = Thread { [self] in
                run(PostgresLink(address, patience: patience, settings: settings, lineage: lineage, logger: logger))
            }
            thread.name = "store reader \(number)"
            thread.start()
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            enqueue(Reading(body: body) { continuation.resume(returning: $0) })
        }
        return try result.get()
    }

    func close() {
        let wasClosed = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        guard !wasClosed else { return }
        for _ in 0..<count { work.signal() }
        for _ in 0..<count { finished.wait() }
    }

    private func enqueue(_ reading: any PostgresReading) {
        let refusal = state.withLock { state -> StoreError? in
            if state.isClosed { return .unavailable }
            if state.isAway { return .unavailable }
            if state.waiting.count >= Self.maximumWaiting { return .overloaded }
            state.waiting.append(reading)
            return nil
        }
        if let refusal { return reading.fail(refusal) }
        work.signal()
    }

    private func run(_ link: PostgresLink) {
        while true {
            work.wait()
            let (reading, isClosed) = state.withLock { state in
                (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isClosed)
            }
            if let reading { perform(reading, link) } else if isClosed { break }
        }
        link.close()
        finished.signal()
    }

    /// What reads can be done again: once, where the connection was lost since it was last used.
    private func perform(_ reading: any PostgresReading, _ link: PostgresLink) {
        for isLast in [false, true] {
            do {
                let connection = try link.connected()
                try reading.run(connection)
                return reading.succeed()
            } catch PostgresFailure.lost where !isLast {
                continue
            } catch {
                switch error {
                case PostgresFailure.lost, PostgresFailure.late:
                    reading.fail(.unavailable)
                    return waitForServer(link)
                default: break
                }
                return reading.fail(.unavailable)
            }
        }
    }

    /// Whoever waits is told at once: one attempt was for all.
    private func waitForServer(_ link: PostgresLink) {
        let (waiting, isOurs) = state.withLock { state in
            defer {
                state.isAway = true
                state.waiting = []
            }
            return (state.waiting, !state.isAway)
        }
        for reading in waiting { reading.fail(.unavailable) }
        guard isOurs else { return }
        while !state.withLock({ $0.isClosed }) {
            if (try? link.connected()) != nil { break }
            Thread.sleep(forTimeInterval: Self.pause)
        }
        state.withLock { $0.isAway = false }
    }
}

private protocol PostgresReading: Sendable {
    func run(_ connection: PostgresConnection) throws
    func succeed()
    func fail(_ error: StoreError)
}

private final class Reading<Value: Sendable>: PostgresReading {
    private let body: @Sendable (PostgresConnection) throws -> Value
    private let then: @Sendable (Result<Value, StoreError>) -> Void
    private let value = Mutex<Value?>(nil)

    init(
        body: @escaping @Sendable (PostgresConnection) throws -> Value,
        then: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        self.body = body
        self.then = then
    }

    func run(_ connection: PostgresConnection) throws {
        let result = try body(connection)
        value.withLock { $0 = result }
    }

    func succeed() {
        then(value.withLock { $0.map(Result.success) ?? .failure(.unavailable) })
    }

    func fail(_ error: StoreError) {
        then(.failure(error))
    }
}
