import JOSE
import Keys
import Logging
import Server
import ServiceLifecycle
import Synchronization

/// The loop that keeps the keys as their rules want them: one turn at each refresh.
///
/// A failed turn is tried again at the next; meanwhile the keys in use go on.
final class RotationService: Service {
    private let custodian: KeyCustodian
    private let interval: Duration
    private let staleAfter: Duration
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var failures = 0
        var version: Int64 = 0
        var succeededAt: Duration
        init() { succeededAt = ClockReading.now.sinceBoot }
    }

    /// `staleAfter` is how old the ring may be that is signed with; where nobody else can change it, longer than a store
    /// is away for a moment.
    init(custodian: KeyCustodian, interval: Duration, staleAfter: Duration? = nil, logger: Logger) {
        self.custodian = custodian
        self.interval = interval
        self.staleAfter = staleAfter ?? max(.seconds(60), interval * 6)
        self.logger = logger
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await turn()
                try? await Task.sleep(for: interval)
            }
        }
        try? await custodian.keepClock(at: .now)
    }

    var failures: Int {
        state.withLock { $0.failures }
    }

    var version: Int64 {
        state.withLock { $0.version }
    }

    /// Whether the ring was not read for too long: then others may have withdrawn what we would sign with.
    var isStale: Bool {
        let succeededAt = state.withLock { $0.succeededAt }
        return ClockReading.now.sinceBoot - succeededAt > staleAfter
    }

    private func turn() async {
        // What was read is as old as the question.
        let began = ClockReading.now.sinceBoot
        do {
            let outcome = try await custodian.turn(at: .now)
            state.withLock { state in
                state.succeededAt = began
                state.version = outcome.state.ring.version
            }
            outcome.transitions.forEach(note)
        } catch {
            let count = state.withLock { state in
                state.failures += 1
                return state.failures
            }
            if count & (count - 1) == 0 {
                logger.error("rotation failed", metadata: ["error.code": "\(error)", "count": "\(count)"])
            }
        }
    }

    private func note(_ transition: KeyTransition) {
        logger.notice(
            "key \(transition.verb.rawValue)",
            metadata: [
                "kid": "\(transition.kid.string)", "algorithm": "\(transition.purpose.name.string)",
                "reason": "\(transition.reason.rawValue)",
            ]
        )
    }
}
