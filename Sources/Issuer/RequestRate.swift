/// How often one may ask: so many times a second, and a burst of so many at once.
///
/// The generic cell rate algorithm (ITU-T I.371): all that is remembered is when the next request would be due if they
/// came evenly.
package struct RequestRate: Hashable, Sendable {
    package let perSecond: Int
    package let burst: Int

    /// Nil unless both are from 1 to 1,000,000.
    package init?(perSecond: Int, burst: Int) {
        guard (1...1_000_000).contains(perSecond), (1...1_000_000).contains(burst) else { return nil }
        self.perSecond = perSecond
        self.burst = burst
    }

    private init(uncheckedPerSecond perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }

    /// What one job may ask for where nothing is configured: more than a pipeline of many steps ever does, and a
    /// twentieth of what one core can sign with RS256.
    package static let ofOneJob = RequestRate(uncheckedPerSecond: 50, burst: 500)

    /// In nanoseconds, between requests that come evenly.
    var interval: Int64 {
        1_000_000_000 / Int64(perSecond)
    }

    /// When the next request is due after one at `now`; nil where that one comes too early and is to be refused.
    ///
    /// `due` is when it was due by what came before, nil for the first; all in nanoseconds on one clock.
    package func next(after due: Int64?, at now: Int64) -> Int64? {
        let due = max(due ?? now, now)
        guard due - now <= interval * Int64(burst - 1) else { return nil }
        return due + interval
    }
}
