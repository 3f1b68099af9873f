import JOSE
import Synchronization

/// How far each wanted file is, for the health checks and for who waits for the first of each.
final class HelperStatus: Sendable {
    enum State: String, Sendable {
        case unwritten, failed, written
    }

    private struct Files {
        /// nil where no X.509-SVID is wanted.
        var x509: State?
        /// By path.
        var jwt: [String: State]
        /// Whether the health checks can be asked, where they are wanted.
        var isListening: Bool
        var hasBeenComplete = false

        var states: [State] { jwt.values + (x509.map { [$0] } ?? []) }
    }

    private let files: Mutex<Files>
    private let completed: AsyncThrowingStream<Void, any Error>
    private let continuation: AsyncThrowingStream<Void, any Error>.Continuation

    /// A status of files that are not there; it is complete when they are and, where wanted, the health checks listen.
    init(wantsX509: Bool, jwtPaths: [String], wantsListener: Bool) {
        let jwt = Dictionary(jwtPaths.map { ($0, State.unwritten) }, uniquingKeysWith: { first, _ in first })
        files = Mutex(Files(x509: wantsX509 ? .unwritten : nil, jwt: jwt, isListening: !wantsListener))
        (completed, continuation) = AsyncThrowingStream.makeStream()
    }

    /// Whether no write has failed since the last that did not.
    var isLive: Bool { files.withLock { !$0.states.contains(.failed) } }

    /// Whether every file is there and fresh.
    var isReady: Bool { files.withLock { $0.states.allSatisfy { $0 == .written } } }

    func setListening() {
        set { $0.isListening = true }
    }

    /// Says whether everything had been there once before: from then on renewals are told.
    @discardableResult
    func setX509(_ state: State) -> Bool {
        set { $0.x509 = state }
    }

    /// As ``setX509(_:)``.
    @discardableResult
    func setJWT(_ path: String, _ state: State) -> Bool {
        set { $0.jwt[path] = state }
    }

    /// Nothing more will be written.
    func giveUp(_ error: any Error) {
        continuation.finish(throwing: error)
    }

    /// Returns when every file has been written once; for one who waits.
    func whenComplete() async throws {
        for try await _ in completed {}
        try Task.checkCancellation()
    }

    /// As spiffe-helper answers.
    var json: JSONObject {
        let (x509, jwt) = files.withLock { ($0.x509, $0.jwt) }
        let paths = jwt.sorted { ByteString($0.key) < ByteString($1.key) }
            .map { (ByteString($0.key), JSONValue.string(ByteString($0.value.rawValue))) }
        var statuses = JSONObject()
        statuses["x509_write_status"] = x509.map { .string(ByteString($0.rawValue)) }
        statuses["jwt_write_status"] = .object(JSONObject(paths))
        return JSONObject([("file_write_statuses", .object(statuses))])
    }

    @discardableResult
    private func set(_ change: (inout Files) -> Void) -> Bool {
        let (hadBeenComplete, hasBeenComplete) = files.withLock { files in
            let before = files.hasBeenComplete
            change(&files)
            files.hasBeenComplete =
                before || files.isListening && files.states.allSatisfy { $0 == .written }
            return (before, files.hasBeenComplete)
        }
        if hasBeenComplete, !hadBeenComplete { continuation.finish() }
        return hadBeenComplete
    }
}
