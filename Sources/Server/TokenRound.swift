import Issuer
import JOSE
import Keys
import NIOCore

/// The tokens that one event loop was asked for and has not signed yet; of that event loop only.
///
/// Signing comes after reading: what one turn of the loop brought is signed together, goes to the log together, for one
/// flush of the disk, and is written together when the records are durable. An RS256 signature takes ten times what the
/// rest of a request does, so a turn signs for about a millisecond and then looks at the sockets again: whoever wants
/// the JWK Set does not wait for all the others' tokens. What is signed waits for the others for a few of these turns.
final class TokenRound {
    /// One request that is decided.
    final class Entry {
        let handler: FastPathHandler
        let issuer: TokenIssuer
        let token: PreparedToken
        let job: Job
        let now: NumericDate
        fileprivate var signed: SignedToken?
        /// In nanoseconds, what its signature will take by what the last ones took.
        fileprivate var signing: Int64 = 0
        fileprivate let since = NIODeadline.now()

        init(handler: FastPathHandler, issuer: TokenIssuer, token: PreparedToken, job: Job, now: NumericDate) {
            self.handler = handler
            self.issuer = issuer
            self.token = token
            self.job = job
            self.now = now
        }
    }

    /// What one turn of the event loop spends on signatures.
    private static let budget = TimeAmount.milliseconds(1)
    /// More work than this is not begun: who would have to wait for longer is told at once.
    private static let maximumWork = TimeAmount.milliseconds(200)
    /// What a token takes beside its signature, roughly: its request, its record, its answer.
    private static let restOfToken = TimeAmount.microseconds(80)
    /// What waited for longer all the same is refused: its client may have turned to the next attempt.
    private static let patience = TimeAmount.seconds(1)
    /// How long a signed token waits for those that are signed after it, to be recorded with them.
    private static let company = TimeAmount.milliseconds(16)
    /// Later than at once: what is due at once comes before the sockets.
    private static let pause = TimeAmount.microseconds(10)

    private let eventLoop: any EventLoop
    private let releases: TokenReleases
    private var waiting: [Entry] = []
    private var signed: [Entry] = []
    private var firstSignedAt = NIODeadline.distantFuture
    /// In nanoseconds, of all that wait.
    private var work: Int64 = 0
    /// In nanoseconds, what a signature takes: an average of the last ones.
    private var costs: [SigningAlgorithm: Int64] = [:]
    private var isScheduled = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        releases = TokenReleases(eventLoop: eventLoop)
    }

    /// Whether what waits can be done in time.
    var hasRoom: Bool {
        work < Self.maximumWork.nanoseconds
    }

    /// Signs this token soon; false where there is too much before it.
    func add(_ entry: Entry) -> Bool {
        guard hasRoom else { return false }
        entry.signing = costs[entry.token.algorithm] ?? 0
        work += entry.signing + Self.restOfToken.nanoseconds
        waiting.append(entry)
        guard !isScheduled else { return true }
        isScheduled = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.sign() }
        return true
    }

    private func sign() {
        let began = NIODeadline.now()
        var done = 0
        var now = began
        for entry in waiting {
            guard
                done == 0
                    || (now - began).nanoseconds + entry.signing < Self.budget.nanoseconds
            else { break }
            done += 1
            work -= entry.signing + Self.restOfToken.nanoseconds
            if !entry.handler.isAwaited {
                entry.handler.abandon()
            } else if now - entry.since > Self.patience {
                entry.handler.refuse()
            } else {
                sign(entry, at: now)
                let end = NIODeadline.now()
                learn((end - now).nanoseconds, entry.token.algorithm)
                now = end
            }
        }
        waiting.removeFirst(done)
        isScheduled = !waiting.isEmpty
        if !isScheduled || now - firstSignedAt > Self.company { releaseSigned() }
        guard isScheduled else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Self.pause) { bound.value.sign() }
    }

    /// A turn in which the machine did something else is no measure of a signature.
    private func learn(_ taken: Int64, _ algorithm: SigningAlgorithm) {
        let taken = min(taken, 2_000_000)
        costs[algorithm] = costs[algorithm].map { ($0 * 7 + taken) / 8 } ?? taken
    }

    private func sign(_ entry: Entry, at now: NIODeadline) {
        do throws(IssuanceError) {
            entry.signed = try entry.issuer.signAtOnce(entry.token)
            if signed.isEmpty { firstSignedAt = now }
            signed.append(entry)
        } catch {
            entry.handler.write(.failed(error))
        }
    }

    private func releaseSigned() {
        for entry in signed { release(entry) }
        signed.removeAll(keepingCapacity: true)
    }

    private func release(_ entry: Entry) {
        guard let token = entry.signed else { return }
        let bound = NIOLoopBound(entry, eventLoop: eventLoop)
        entry.issuer.release(token, of: entry.job, at: entry.now) { [releases] outcome in
            releases.deliver(TokenReleases.Delivery(entry: bound, outcome: outcome))
        }
    }
}
