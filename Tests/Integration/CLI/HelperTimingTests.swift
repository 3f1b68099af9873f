import Keys
import Testing

@testable import CLI

/// When a helper tries again, and when it renews.
@Suite struct HelperTimingTests {
    @Test func `a daemon's pauses double up to a minute, and begin again after a success`() {
        var pauses = RetryPause.ofDaemon
        #expect((0..<8).map { _ in pauses.take() } == [1, 2, 4, 8, 16, 32, 60, 60].map { Duration.seconds($0) })
        pauses.reset()
        #expect(pauses.take() == .seconds(1))
    }

    @Test func `a one-shot's pauses grow five times up to ten seconds`() {
        var pauses = RetryPause.ofOneShot
        #expect(
            (0..<7).map { _ in pauses.take() }
                == [10, 50, 250, 1250, 6250, 10_000, 10_000].map { Duration.milliseconds($0) }
        )
    }

    @Test(arguments: [(300, 151), (1, 1), (0, 1), (-100, 1)] as [(Int64, Int64)])
    func `a token is renewed at half of the life that is left`(left: Int64, pause: Int64) {
        let now = NumericDate(secondsSinceEpoch: -1)
        #expect(JWTRefresh.pause(expiresAt: now.advanced(bySeconds: left), now: now) == .seconds(pause))
    }

    @Test(arguments: [("5s", 5000), ("5", 5000), ("500ms", 500), ("1m", 60_000), ("1h", 3_600_000)])
    func `a time to wait has its unit`(text: String, milliseconds: Int64) {
        #expect(ShortDuration(argument: text)?.value == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "0", "0ms", "-1s", "2h", "1.5s", "ms", "never", "3600001ms"])
    func `a time that is none is refused`(text: String) {
        #expect(ShortDuration(argument: text) == nil)
    }
}
