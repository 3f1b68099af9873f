// When a job is over (CONTRACT `expires_in`, `lease`; threat A07).

import Issuer
import JOSE
import Keys
import Testing

@Suite struct JobTests {
    private let start = time(1000)

    @Test(
        arguments: [
            // lifetime, lease, seconds after the registration; what is over, and since when.
            (100, nil, 0, nil, 0), (100, nil, 99, nil, 0), (100, nil, 100, .expired, 100),
            (100, nil, 999, .expired, 100),
            (100, 30, 29, nil, 0), (100, 30, 30, .leaseLost, 30), (100, 30, 100, .leaseLost, 30),
            // A lease that reaches past the job's end does not lengthen it, nor is it what ended it.
            (100, 100, 100, .expired, 100), (100, 200, 100, .expired, 100), (100, 200, 500, .expired, 100),
            (100, 99, 100, .leaseLost, 99),
            // Clocks that go back revive it: nothing was recorded.
            (100, 30, -50, nil, 0),
        ] as [(Int64, Int64?, Int64, JobEnd.Reason?, Int64)]
    )
    func `a job ends by itself`(lifetime: Int64, lease: Int64?, after: Int64, reason: JobEnd.Reason?, at: Int64) throws
    {
        let job = try Samples.live(
            [("expires_in", .integer(lifetime)), ("lease", lease.map { .integer($0) })],
            at: start
        )
        let end = reason.map { JobEnd(reason: $0, at: start.advanced(bySeconds: at)) }
        #expect(job.end(at: start.advanced(bySeconds: after)) == end)
    }

    @Test func `an end that was recorded stays`() throws {
        let end = JobEnd(reason: .ended, at: time(1001))
        let job = try Samples.live([("lease", .integer(5))], at: start).changing(end: end)
        #expect(job.end(at: time(1)) == end)
        #expect(job.end(at: time(999_999)) == end)
    }

    @Test func `a heartbeat moves the lease and nothing else`() throws {
        let job = try Samples.live([("lease", .integer(5))], at: start)
        let moved = job.changing(leaseExpiresAt: time(1010))
        #expect(job.end(at: time(1006))?.reason == .leaseLost)
        #expect(moved.end(at: time(1006)) == nil)
        #expect(moved.expiresAt == job.expiresAt)
        #expect(moved.id == job.id)
        #expect(moved.revision == job.revision)
    }
}
