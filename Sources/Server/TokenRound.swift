import Issuer
import Keys
import NIOCore

/// The tokens that one event loop was asked for and has not signed yet; of that event loop only.
///
/// Signing comes after reading: what one turn of the loop brought is signed together, so that the writer of the log
/// finds a group, and is written together when the records are durable. An RS256 signature takes ten times what the
/// rest of a request does, so a turn signs for about a millisecond and then looks at the sockets again: whoever wants
/// the JWK Set does not wait for all the others' tokens.
final class TokenRound {
    /// One request that is decided.
    struct Entry {
        let handler: FastPathHandler
        let plane: RunnerPlane
        let token: PreparedToken
        let job: Job
        let now: NumericDate
        fileprivate let since = NIODeadline.now()
    }

    /// What one turn of the event loop spends on signatures.
    private static let budget = TimeAmount.milliseconds(1)
    /// What has waited for longer is refused: its client would rather be told at once that there is too much.
    private static let patience = TimeAmount.milliseconds(40)
    /// Later than at once: what is due at once comes before the sockets.
    private static let pause = TimeAmount.microseconds(10)

    private let eventLoop: any EventLoop
    private let releases: TokenReleases
    private var waiting: [Entry] = []
    private var isScheduled = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        releases = TokenReleases(eventLoop: eventLoop)
    }

    func add(_ entry: Entry) {
        waiting.append(entry)
        guard !isScheduled else { return }
        isScheduled = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.sign() }
    }

    private func sign() {
        let began = NIODeadline.now()
        var signed = 0
        var now = began
        for entry in waiting {
            guard now - began < Self.budget else { break }
            signed += 1
            if !entry.handler.isAwaited {
                entry.handler.abandon()
            } else if now - entry.since > Self.patience {
                entry.handler.refuse(by: entry.plane)
            } else {
                release(entry)
            }
            now = .now()
        }
        waiting.removeFirst(signed)
        isScheduled = !waiting.isEmpty
        guard isScheduled else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Self.pause) { bound.value.sign() }
    }

    private func release(_ entry: Entry) {
        let bound = NIOLoopBound(entry, eventLoop: eventLoop)
        entry.plane.issuer.release(entry.token, of: entry.job, at: entry.now) { [releases] outcome in
            releases.deliver(TokenReleases.Delivery(entry: bound, outcome: outcome))
        }
    }
}
