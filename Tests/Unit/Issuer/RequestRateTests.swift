// How often one may ask (threats A15, A03).

import Issuer
import Testing

@Suite struct RequestRateTests {
    private let second: Int64 = 1_000_000_000

    /// How many of requests at these instants are let through, one after the other.
    private func admitted(_ rate: RequestRate, at instants: [Int64]) -> [Bool] {
        var due: Int64?
        return instants.map { now in
            guard let next = rate.next(after: due, at: now) else { return false }
            due = next
            return true
        }
    }

    @Test func `a burst is let through, and not one more`() throws {
        let rate = try #require(RequestRate(perSecond: 10, burst: 20))
        #expect(admitted(rate, at: Array(repeating: 5, count: 22)).count { $0 } == 20)
    }

    @Test func `after a burst there is one for every interval`() throws {
        let rate = try #require(RequestRate(perSecond: 10, burst: 2))
        let instants = [0, 0, 1, second / 10, second / 10 + 1, second / 5]
        #expect(admitted(rate, at: instants) == [true, true, false, true, false, true])
    }

    @Test func `who was refused is not kept away for longer by it`() throws {
        let rate = try #require(RequestRate(perSecond: 1, burst: 1))
        let instants = [0] + (1..<1000).map { Int64($0) } + [second]
        #expect(admitted(rate, at: instants).last == true)
    }

    @Test func `who was away has a whole burst again, and not more`() throws {
        let rate = try #require(RequestRate(perSecond: 10, burst: 3))
        let instants = [0, 0, 0, 0] + Array(repeating: 3600 * second, count: 4)
        #expect(admitted(rate, at: instants) == [true, true, true, false, true, true, true, false])
    }

    @Test(arguments: [(0, 1), (1, 0), (-1, 1), (1_000_001, 1), (1, 1_000_001)])
    func `a rate is of sensible numbers`(perSecond: Int, burst: Int) {
        #expect(RequestRate(perSecond: perSecond, burst: burst) == nil)
    }

    @Test func `one job's flood is its own`() throws {
        let rates = JobRates(RequestRate(perSecond: 1, burst: 2))
        let (flooding, calm) = (try Samples.live().id, try Samples.live().id)
        #expect((0..<5).map { _ in rates.admits(flooding, at: .seconds(9)) } == [true, true, false, false, false])
        #expect(rates.admits(calm, at: .seconds(9)))
        #expect(rates.admits(flooding, at: .seconds(10)))
    }

    @Test func `without a rate a job may ask as often as it likes`() throws {
        let rates = JobRates(nil)
        let job = try Samples.live().id
        #expect((0..<1000).allSatisfy { _ in rates.admits(job, at: .zero) })
    }
}
