// Each inequality holds at its border and fails one second beyond (threats G01, G02, G05).

import JOSE
import Keys
import Testing

@Suite struct RotationScheduleTests {
    private func schedule(
        interval: Int64 = 10_000,
        lead: Int64 = 1000,
        grace: Int64 = 3000,
        refresh: Int64 = 10,
        skew: Int64 = 300,
        age: Int64 = 300,
        published: Int = 10,
        lifetime: Int64 = 600
    ) throws(RotationScheduleError) -> RotationSchedule {
        try RotationSchedule(
            rotationInterval: .seconds(interval),
            publicationLead: .seconds(lead),
            gracePeriod: .seconds(grace),
            refreshInterval: .seconds(refresh),
            clockSkew: .seconds(skew),
            jwksMaxAge: .seconds(age),
            maximumPublished: published,
            maximumTokenLifetime: .seconds(lifetime)
        )
    }

    @Test func `the defaults hold for tokens of a day`() throws {
        let schedule = try RotationSchedule(maximumTokenLifetime: .seconds(86_400))
        #expect(schedule.rotationInterval == .seconds(30 * 86_400))
        #expect(schedule.publicationLead == .seconds(86_400))
        #expect(schedule.gracePeriod == .seconds(2 * 86_400))
        #expect(schedule.refreshInterval == .seconds(10))
        #expect(schedule.clockSkew == .seconds(300))
        #expect(schedule.jwksMaxAge == .seconds(300))
        #expect(schedule.maximumPublished == 10)
        #expect(schedule.keysAtOnce(of: KeyPurpose.allTokens) == 6)
    }

    @Test func `a key is published for as long as any copy of an older set may live`() {
        #expect(throws: Never.self) { try schedule(lead: 610) }
        #expect(throws: RotationScheduleError.publicationLeadTooShort(least: .seconds(610))) {
            try schedule(lead: 609)
        }
        // Each of the three parts counts.
        #expect(throws: RotationScheduleError.publicationLeadTooShort(least: .seconds(611))) {
            try schedule(lead: 610, refresh: 11)
        }
        #expect(throws: RotationScheduleError.publicationLeadTooShort(least: .seconds(611))) {
            try schedule(lead: 610, skew: 301)
        }
        #expect(throws: RotationScheduleError.publicationLeadTooShort(least: .seconds(611))) {
            try schedule(lead: 610, age: 301)
        }
    }

    @Test func `a retiring key stays for as long as any of its tokens may live`() {
        #expect(throws: Never.self) { try schedule(grace: 910) }
        #expect(throws: RotationScheduleError.gracePeriodTooShort(least: .seconds(910))) { try schedule(grace: 909) }
        #expect(throws: RotationScheduleError.gracePeriodTooShort(least: .seconds(911))) {
            try schedule(grace: 910, refresh: 11)
        }
        #expect(throws: RotationScheduleError.gracePeriodTooShort(least: .seconds(911))) {
            try schedule(grace: 910, skew: 301)
        }
        #expect(throws: RotationScheduleError.gracePeriodTooShort(least: .seconds(911))) {
            try schedule(grace: 910, lifetime: 601)
        }
    }

    @Test func `the next key is ready before it is due`() {
        #expect(throws: Never.self) { try schedule(interval: 1001, grace: 1000) }
        #expect(throws: RotationScheduleError.rotationIntervalTooShort(above: .seconds(1000))) {
            try schedule(interval: 1000, grace: 1000)
        }
    }

    @Test(arguments: [
        // Of each algorithm one that signs, one that stands by, and as many as retire at once.
        (10_000, 1000, 6), (10_000, 9999, 6), (10_000, 10_000, 6), (10_000, 10_001, 8), (10_000, 20_000, 8),
        (10_000, 20_001, 10), (10_000, 30_000, 10), (10_000, 30_001, 12),
    ])
    func `no more keys are published at once than relying parties read`(
        interval: Int64,
        grace: Int64,
        needed: Int
    )
        throws
    {
        #expect(
            try schedule(interval: interval, grace: grace, published: needed).keysAtOnce(of: KeyPurpose.allTokens)
                == needed
        )
        #expect(throws: RotationScheduleError.tooManyPublished(needed: needed)) {
            try schedule(interval: interval, grace: grace, published: needed - 1)
        }
    }
}
