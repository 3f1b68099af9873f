// A clock that is moved is seen (threats G14, G15).

import JOSE
import Keys
import Testing

@Suite struct ClockWatchTests {
    private let first = Rotations.reading(1_000_000)

    private func trusts(_ wall: Int64, sinceBoot: Int64, boot: ByteString = "b") -> Bool {
        var watch = ClockWatch(trusted: first)
        return watch.trusts(Rotations.reading(wall, sinceBoot: sinceBoot, boot: boot))
    }

    @Test func `the first reading is trusted, for there is nothing to doubt it by`() {
        var watch = ClockWatch()
        #expect(watch.trusted == nil)
        let isTrusted = watch.trusts(first)
        #expect(isTrusted)
        #expect(watch.trusted == first)
    }

    @Test(arguments: [0, 1, 10, 3600, 30 * 86_400] as [Int64])
    func `while both clocks go on alike, time may pass`(seconds: Int64) {
        #expect(trusts(1_000_000 + seconds, sinceBoot: 1_000_000 + seconds))
    }

    @Test(arguments: [(300, true), (301, false), (86_400, false), (-300, true), (-301, false), (-86_400, false)])
    func `five minutes are corrected, more is a jump`(jump: Int64, isTrusted: Bool) {
        for elapsed in [0, 10, 1_000_000] as [Int64] {
            #expect(trusts(1_000_000 + elapsed + jump, sinceBoot: 1_000_000 + elapsed) == isTrusted)
        }
    }

    @Test func `fractions of a second count at the border`() {
        let watch = ClockGuard(trusted: first)
        let beyond = ClockReading(wall: time(1_000_300), sinceBoot: .milliseconds(999_999_999), boot: "b")
        #expect(!watch.trusts(beyond))
        let within = ClockReading(wall: time(1_000_300), sinceBoot: .seconds(1_000_000), boot: "b")
        #expect(watch.trusts(within))
    }

    @Test func `a wall clock that stands still is one that was moved`() {
        #expect(trusts(1_000_000, sinceBoot: 1_000_300))
        #expect(!trusts(1_000_000, sinceBoot: 1_000_301))
    }

    @Test func `after a start of the machine time may have gone on, but not back`() {
        #expect(trusts(1_000_001, sinceBoot: 5, boot: "next"))
        #expect(trusts(9_000_000, sinceBoot: 5, boot: "next"))
        #expect(trusts(999_700, sinceBoot: 5, boot: "next"))
        #expect(!trusts(999_699, sinceBoot: 5, boot: "next"))
        #expect(!trusts(0, sinceBoot: 5, boot: "next"))
    }

    @Test func `what is not trusted is not remembered, and trust comes back with the time`() {
        var watch = ClockWatch(trusted: first)
        for elapsed in [10, 20, 5000] as [Int64] {
            let isTrusted = watch.trusts(Rotations.reading(1_086_400 + elapsed, sinceBoot: 1_000_000 + elapsed))
            #expect(!isTrusted)
            #expect(watch.trusted == first)
        }
        let returned = Rotations.reading(1_006_000)
        let isTrusted = watch.trusts(returned)
        #expect(isTrusted)
        #expect(watch.trusted == returned)
    }

    @Test func `a clock that stays wrong is not trusted because it was wrong for long`() {
        let watch = ClockGuard(trusted: first)
        for hour in 1...100 as ClosedRange<Int64> {
            let elapsed = hour * 3600
            #expect(!watch.trusts(Rotations.reading(1_000_000 + elapsed + 400, sinceBoot: 1_000_000 + elapsed)))
        }
    }

    @Test func `a guard that was told that the clock is right goes on from there`() {
        let clock = ClockGuard(trusted: first)
        let moved = Rotations.reading(2_000_000, sinceBoot: 1_000_010)
        #expect(!clock.trusts(moved))
        clock.accept(moved)
        #expect(clock.trusts(moved))
        #expect(clock.trusts(Rotations.reading(2_000_010, sinceBoot: 1_000_020)))
        // The old time would be a jump back now.
        #expect(!clock.trusts(Rotations.reading(1_000_030)))
    }
}
