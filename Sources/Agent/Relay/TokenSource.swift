import Attestation
import Keys
import Logging
import Synchronization

/// The newest token of a file that is written anew from time to time.
final class TokenSource: Sendable {
    private let read: @Sendable () throws -> [UInt8]
    private let now: @Sendable () -> NumericDate
    private let newest: Mutex<RelayedToken>
    /// What the file was when last read: a change for the worse is said once.
    private let isUseful = Mutex(true)
    private let logger: Logger

    /// Reads the file; one that is of no use then is an error.
    init(
        read: @escaping @Sendable () throws -> [UInt8],
        now: @escaping @Sendable () -> NumericDate,
        logger: Logger
    ) throws {
        let token = try RelayedToken(parsing: read())
        guard now() < token.expiresAt else { throw RelayedTokenError.expired }
        self.read = read
        self.now = now
        self.logger = logger
        newest = Mutex(token)
    }

    var token: RelayedToken { newest.withLock { $0 } }

    /// Reads the file again; what is of no use, or has expired, changes nothing.
    func refresh() {
        guard let text = try? read(), let token = try? RelayedToken(parsing: text), now() < token.expiresAt else {
            let wasUseful = isUseful.withLock { isUseful in
                defer { isUseful = false }
                return isUseful
            }
            if wasUseful { logger.warning("the token file holds no token of use; the last one stays") }
            return
        }
        isUseful.withLock { $0 = true }
        let isNew = newest.withLock { newest in
            guard token != newest else { return false }
            newest = token
            return true
        }
        guard isNew else { return }
        logger.info("token read again", metadata: ["token.expiresAt": "\(token.expiresAt.secondsSinceEpoch)"])
    }

    /// A token other than `old`, where there is one within `patience`.
    func token(after old: RelayedToken, within patience: Duration) async throws -> RelayedToken? {
        let step = Duration.milliseconds(50)
        var waited = Duration.zero
        while true {
            refresh()
            let token = token
            if token != old { return token }
            guard waited < patience else { return nil }
            try await Task.sleep(for: step)
            waited += step
        }
    }
}
