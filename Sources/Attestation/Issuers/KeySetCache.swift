package import JOSE
package import Keys

/// What is known of one issuer's keys, and when to look again: a state machine whose driver does the fetching.
///
/// Of fetches there is one at a time, and at most ``maximumFetches`` begin in any ``window``, whoever asks for them. A set
/// is asked for again at about half its life, so that who has a good token never waits; while its issuer is away it is
/// good for ``maximumStale`` more.
package struct KeySetCache: Sendable {
    package enum Answer: Hashable, Sendable {
        case keys(JWKSet)
        /// Ask ``latest(at:)`` or ``latestAfterLooking(at:)`` when the fetch in flight has ended.
        case awaitFetch
        case unavailable
    }

    package struct Decision: Hashable, Sendable {
        package let answer: Answer
        /// Whether a fetch has to be begun now; ``fetched(_:lifetime:at:using:)`` or ``failed(at:using:)`` must follow.
        package let startsFetch: Bool
    }

    /// How many fetches may begin in ``window``.
    package static let maximumFetches = 2
    /// Seconds.
    package static let window: Int64 = 60
    /// How long unknown keys make nobody look again after they did, in seconds.
    package static let forcedInterval: Int64 = 30
    /// How long a set is good beyond its life, in seconds.
    package static let maximumStale: Int64 = 86_400
    /// The longest wait between two attempts, in seconds.
    package static let longestRetry: Int64 = 300

    private struct Known {
        let keys: JWKSet
        let since: NumericDate
        let refreshAt: NumericDate
        let unusableAt: NumericDate
    }

    private var known: Known?
    /// Whether a fetch was begun that has not ended.
    package private(set) var isFetching = false
    /// When the last fetches began, oldest first.
    private var starts: [NumericDate] = []
    private var forcedAt: NumericDate?
    private var failures = 0
    private var retryAt = NumericDate(secondsSinceEpoch: .min)

    package init() {}

    // MARK: - Events

    /// Somebody needs the keys.
    package mutating func request(at now: NumericDate) -> Decision {
        let startsFetch = refresh(at: now)
        if let keys = usableKeys(at: now) { return Decision(answer: .keys(keys), startsFetch: startsFetch) }
        return Decision(answer: isFetching ? .awaitFetch : .unavailable, startsFetch: startsFetch)
    }

    /// Somebody has a token of a key that is not known.
    ///
    /// If nobody may look now, the keys are what they are: the token is refused, unless the last look failed.
    package mutating func requestNewer(at now: NumericDate) -> Decision {
        if isFetching { return Decision(answer: .awaitFetch, startsFetch: false) }
        if isLongAgo(forcedAt, Self.forcedInterval, now), mayRetry(at: now), mayStart(at: now) {
            forcedAt = now
            begin(at: now)
            return Decision(answer: .awaitFetch, startsFetch: true)
        }
        return Decision(answer: latestAfterLooking(at: now), startsFetch: false)
    }

    /// Time has passed; whether a fetch has to be begun.
    package mutating func refresh(at now: NumericDate) -> Bool {
        guard !isFetching, isDue(at: now), mayRetry(at: now), mayStart(at: now) else { return false }
        begin(at: now)
        return true
    }

    /// The fetch ended well: this set replaces the one that was known, whatever is no longer in it.
    package mutating func fetched(
        _ keys: JWKSet,
        lifetime: Int64,
        at now: NumericDate,
        using generator: inout some RandomNumberGenerator
    ) {
        let lifetime = KeySetLifetime.clamped(lifetime)
        isFetching = false
        failures = 0
        known = Known(
            keys: keys,
            since: now,
            refreshAt: now.advanced(bySeconds: Self.jittered(lifetime / 2, using: &generator)),
            unusableAt: now.advanced(bySeconds: lifetime + Self.maximumStale)
        )
    }

    /// The fetch failed: what was known stays, and each further attempt waits twice as long.
    package mutating func failed(at now: NumericDate, using generator: inout some RandomNumberGenerator) {
        isFetching = false
        failures = min(failures + 1, 16)
        let wait = min(Int64(1) << Int64(failures), Self.longestRetry)
        retryAt = now.advanced(bySeconds: Self.jittered(wait, using: &generator))
    }

    // MARK: - Answers after a fetch

    /// What is known, for who waited.
    package func latest(at now: NumericDate) -> Answer {
        usableKeys(at: now).map(Answer.keys) ?? .unavailable
    }

    /// The same for who waited for a key that was not known: where we could not look, it may be there.
    package func latestAfterLooking(at now: NumericDate) -> Answer {
        failures > 0 ? .unavailable : latest(at: now)
    }

    // MARK: - Rules

    private func usableKeys(at now: NumericDate) -> JWKSet? {
        known.flatMap { now < $0.unusableAt ? $0.keys : nil }
    }

    /// A clock that was set back makes everything due.
    private func isDue(at now: NumericDate) -> Bool {
        guard let known else { return true }
        return now >= known.refreshAt || now < known.since
    }

    private func mayRetry(at now: NumericDate) -> Bool {
        failures == 0 || now >= retryAt || starts.last.map { now < $0 } == true
    }

    private func mayStart(at now: NumericDate) -> Bool {
        starts.count { !isLongAgo($0, Self.window, now) } < Self.maximumFetches
    }

    private func isLongAgo(_ instant: NumericDate?, _ seconds: Int64, _ now: NumericDate) -> Bool {
        guard let instant else { return true }
        return now >= instant.advanced(bySeconds: seconds) || now < instant
    }

    private mutating func begin(at now: NumericDate) {
        isFetching = true
        starts = starts.suffix(Self.maximumFetches - 1) + [now]
    }

    /// A tenth more or less, so that many agents do not come at once.
    private static func jittered(_ seconds: Int64, using generator: inout some RandomNumberGenerator) -> Int64 {
        seconds + Int64.random(in: -(seconds / 10)...(seconds / 10), using: &generator)
    }
}
