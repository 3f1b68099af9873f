import CPostgres
import Foundation

/// One connection, used by one thread; every wait has an end.
///
/// libpq is told to send and receive without blocking, and this waits for its socket: its own blocking calls wait for a
/// server that stands still for as long as that stands still.
final class PostgresConnection {
    private let handle: OpaquePointer
    /// How long one call may take, from its first byte to the last of its answer.
    private let patience: Duration
    private var prepared: [String: String] = [:]
    private let warnings = PostgresWarnings()
    private var isOpen = true

    /// Connects and looks whether what we commit here would last.
    ///
    /// `place` is one of the address's, where not the first will do that can be written to.
    ///
    /// - Throws: ``PostgresStoreError``.
    init(
        _ address: PostgresAddress,
        at place: PostgresAddress.Place? = nil,
        patience: Duration,
        settings: [String] = [],
        lineage: PostgresLineage = PostgresLineage()
    ) throws {
        self.patience = patience
        handle = try Self.connect(address, place)
        PQsetNoticeReceiver(handle, PostgresWarnings.receive, Unmanaged.passUnretained(warnings).toOpaque())
        do {
            guard PQsetnonblocking(handle, 1) == 0 else { throw PostgresFailure.lost }
            try refuseUnfit()
            try refuseFormerPrimary(lineage)
            for setting in settings { try run(PostgresStatement(setting)) }
        } catch {
            close()
            throw Self.explained(error)
        }
    }

    /// A connection to the primary of now, though one of before be named first and take writes.
    ///
    /// - Throws: ``PostgresStoreError``.
    static func toPrimary(
        _ address: PostgresAddress,
        patience: Duration,
        settings: [String],
        lineage: PostgresLineage
    ) throws -> PostgresConnection {
        do {
            return try PostgresConnection(address, patience: patience, settings: settings, lineage: lineage)
        } catch PostgresStoreError.formerPrimary {
            for place in address.places {
                let other = try? PostgresConnection(
                    address,
                    at: place,
                    patience: patience,
                    settings: settings,
                    lineage: lineage
                )
                if let other { return other }
            }
            throw PostgresStoreError.formerPrimary
        }
    }

    deinit {
        close()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        PQfinish(handle)
    }

    /// Whether the server is still at the other end, as far as the socket tells.
    var isUsable: Bool {
        isOpen && PQstatus(handle) == CONNECTION_OK
    }

    /// Whether the server said since the last look that something did not go as it should.
    func takeWarning() -> Bool {
        defer { warnings.isRaised = false }
        return warnings.isRaised
    }

    // MARK: - Connecting

    /// Our settings come first: what the URI says counts more.
    private static func connect(_ address: PostgresAddress, _ place: PostgresAddress.Place?) throws -> OpaquePointer {
        var settings = [
            ("connect_timeout", "3"), ("application_name", "jobsworth"), ("client_encoding", "UTF8"),
            ("tcp_user_timeout", "5000"), ("keepalives_idle", "5"), ("keepalives_interval", "2"),
            ("keepalives_count", "3"),
        ]
        if address.hasSeveralHosts { settings.append(("target_session_attrs", "read-write")) }
        settings.append(("dbname", address.uri))
        if let place { settings += [("host", place.host), ("port", place.port)] }
        let made = withArrayOfCStrings(settings.map(\.0)) { keywords in
            withArrayOfCStrings(settings.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let made else { throw PostgresStoreError.unreachable("out of memory") }
        guard PQstatus(made) == CONNECTION_OK else {
            defer { PQfinish(made) }
            throw PostgresStoreError.unreachable(Self.line(PQerrorMessage(made)))
        }
        return made
    }

    /// A commit that is not flushed before it is acknowledged, or a server that can't commit, is no store.
    private func refuseUnfit() throws {
        let row = try run(
            PostgresStatement(
                "SELECT current_setting('synchronous_commit'), pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'"
            )
        ).first
        guard let row, let commit = row.text(0) else { throw PostgresFailure.unexpected }
        if row.bool(1) { throw PostgresStoreError.readOnly }
        guard ["on", "remote_write", "remote_apply"].contains(commit) else {
            throw PostgresStoreError.notDurable(commit)
        }
    }

    /// A primary in whose place another was promoted may still take writes, and knows nothing of what came after.
    private func refuseFormerPrimary(_ lineage: PostgresLineage) throws {
        let statement = PostgresStatement("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
        do {
            guard let timeline = try run(statement).first?.text(0).flatMap({ Int64($0, radix: 16) }) else { return }
            guard lineage.admits(timeline) else { throw PostgresStoreError.formerPrimary }
        } catch PostgresFailure.refused {
            // What only speaks PostgreSQL's protocol may have no timelines.
        }
    }

    private static func explained(_ error: any Error) -> any Error {
        switch error {
        case PostgresFailure.refused(_, let message): PostgresStoreError.refused(message)
        case is PostgresFailure: PostgresStoreError.unreachable("it stopped answering")
        default: error
        }
    }

    // MARK: - Statements

    @discardableResult
    func run(_ statement: PostgresStatement) throws -> PostgresResult {
        guard let result = try run([statement]).first else { throw PostgresFailure.unexpected }
        return result
    }

    /// Sends the statements in one go and reads their results: one round trip, whatever their number.
    ///
    /// The first that is refused ends it; those behind it are not run.
    func run(_ statements: [PostgresStatement]) throws -> [PostgresResult] {
        guard isUsable else { throw PostgresFailure.lost }
        let deadline = ContinuousClock.now + patience
        do {
            for statement in statements { try prepare(statement, deadline) }
            return try pipeline(statements, deadline)
        } catch let failure as PostgresFailure {
            // A plan that a change of the schema made useless: the next connection makes new ones.
            if case .refused(let state, _) = failure, ["0A000", "26000"].contains(state) { close() }
            if case .refused = failure { throw failure }
            close()
            throw failure
        }
    }

    private func prepare(_ statement: PostgresStatement, _ deadline: ContinuousClock.Instant) throws {
        guard prepared[statement.sql] == nil else { return }
        let name = "s\(prepared.count)"
        let types = statement.values.map(\.type)
        guard PQsendPrepare(handle, name, statement.sql, CInt(clamping: types.count), types) == 1 else {
            throw PostgresFailure.lost
        }
        _ = try results(until: deadline)
        prepared[statement.sql] = name
    }

    /// The results of what was sent outside a pipeline.
    private func results(until deadline: ContinuousClock.Instant) throws -> [PostgresResult] {
        try flush(until: deadline)
        var results: [PostgresResult] = []
        var failure: PostgresFailure?
        while let result = try next(until: deadline) {
            do { results.append(try Self.checked(result)) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        return results
    }

    private func pipeline(
        _ statements: [PostgresStatement],
        _ deadline: ContinuousClock.Instant
    ) throws -> [PostgresResult] {
        guard PQenterPipelineMode(handle) == 1 else { throw PostgresFailure.lost }
        for statement in statements { try send(statement) }
        guard PQpipelineSync(handle) == 1 else { throw PostgresFailure.lost }
        try flush(until: deadline)
        var results: [PostgresResult] = []
        var failure: PostgresFailure?
        for _ in statements {
            guard let result = try next(until: deadline) else { throw PostgresFailure.unexpected }
            if PQresultStatus(result) == PGRES_PIPELINE_ABORTED {
                PQclear(result)
            } else {
                do { results.append(try Self.checked(result)) } catch { failure = failure ?? error }
            }
            guard try next(until: deadline) == nil else { throw PostgresFailure.unexpected }
        }
        guard let end = try next(until: deadline) else { throw PostgresFailure.unexpected }
        let status = PQresultStatus(end)
        PQclear(end)
        guard status == PGRES_PIPELINE_SYNC, PQexitPipelineMode(handle) == 1 else { throw PostgresFailure.unexpected }
        if let failure { throw failure }
        guard results.count == statements.count else { throw PostgresFailure.unexpected }
        return results
    }

    private func send(_ statement: PostgresStatement) throws {
        guard let name = prepared[statement.sql] else { throw PostgresFailure.unexpected }
        let encoded = statement.values.map(\.encoded)
        let lengths = encoded.map { CInt(clamping: $0?.count ?? 0) }
        let formats = [CInt](repeating: 1, count: encoded.count)
        var buffer: [UInt8] = []
        // Never empty: the address of what has no bytes must not be NULL, which means NULL.
        buffer.reserveCapacity(encoded.reduce(1) { $0 + ($1?.count ?? 0) })
        let offsets = encoded.map { value -> Int? in
            guard let value else { return nil }
            defer { buffer += value }
            return buffer.count
        }
        buffer.append(0)
        let sent = buffer.withUnsafeBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = offsets.map { offset in offset.flatMap { start?.advanced(by: $0) } }
            return PQsendQueryPrepared(handle, name, CInt(clamping: encoded.count), values, lengths, formats, 1)
        }
        guard sent == 1 else { throw PostgresFailure.lost }
    }

    /// Takes over the result; throws what the server refused.
    private static func checked(_ result: OpaquePointer) throws(PostgresFailure) -> PostgresResult {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return PostgresResult(result)
        case PGRES_FATAL_ERROR:
            defer { PQclear(result) }
            let state = field(result, "C")
            // What the server says while it goes down, or once the connection is gone, is of no one statement.
            if state.isEmpty || state.hasPrefix("57P") || state.hasPrefix("08") { throw .lost }
            throw .refused(state: state, message: field(result, "M"))
        default:
            PQclear(result)
            throw .unexpected
        }
    }

    private static func field(_ result: OpaquePointer, _ code: Unicode.Scalar) -> String {
        PQresultErrorField(result, CInt(clamping: code.value)).map { String(cString: $0) } ?? ""
    }

    // MARK: - Waiting

    private func flush(until deadline: ContinuousClock.Instant) throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // The server may want to be read before it reads on.
                let events = try wait(for: Int16(POLLIN | POLLOUT), until: deadline)
                if events & Int16(POLLIN) != 0, PQconsumeInput(handle) != 1 { throw PostgresFailure.lost }
            default: throw PostgresFailure.lost
            }
        }
    }

    private func next(until deadline: ContinuousClock.Instant) throws -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            _ = try wait(for: Int16(POLLIN), until: deadline)
            guard PQconsumeInput(handle) == 1 else { throw PostgresFailure.lost }
        }
        return PQgetResult(handle)
    }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant) throws -> Int16 {
        while true {
            let left = deadline - ContinuousClock.now
            let (seconds, rest) = left.components
            let milliseconds = seconds * 1000 + rest / 1_000_000_000_000_000
            guard left > .zero else { throw PostgresFailure.late }
            var descriptor = pollfd(fd: PQsocket(handle), events: events, revents: 0)
            switch poll(&descriptor, 1, CInt(clamping: milliseconds + 1)) {
            case 1...: return descriptor.revents
            case 0: throw PostgresFailure.late
            default: if errno != EINTR { throw PostgresFailure.lost }
            }
        }
    }

    /// The first line of what libpq says.
    private static func line(_ text: UnsafeMutablePointer<CChar>?) -> String {
        let text = text.map { String(cString: $0) } ?? ""
        return text.split(separator: "\n").first.map(String.init) ?? "it does not say why"
    }
}

/// The strings as C wants them, with a NULL behind the last.
private func withArrayOfCStrings<Value>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Value
) -> Value {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { UnsafePointer($0) } + [nil]
    return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
}
