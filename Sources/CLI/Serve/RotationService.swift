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
    private let age: RingAge
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var failures = 0
        var version: Int64 = 0
    }

    /// `age` is told whenever the ring was read.
    init(custodian: KeyCustodian, interval: Duration, age: RingAge, logger: Logger) {
        self.custodian = custodian
        self.interval = interval
        self.age = age
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

    private func turn() async {
        let began = ClockReading.timeSinceBoot
        do {
            let outcome = try await custodian.turn(at: .now)
            age.note(readAt: began)
            state.withLock { $0.version = outcome.state.ring.version }
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
