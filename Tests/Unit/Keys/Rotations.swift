// A schedule of round numbers, and rings at known points of it.

import JOSE
import Keys

enum Rotations {
    /// A key signs for 10,000 seconds, after 1,000 of being published, and stays for 3,000 more.
    static func schedule(maximumPublished: Int = 10) throws -> RotationSchedule {
        try RotationSchedule(
            rotationInterval: .seconds(10_000),
            publicationLead: .seconds(1000),
            gracePeriod: .seconds(3000),
            maximumPublished: maximumPublished,
            maximumTokenLifetime: .seconds(600)
        )
    }

    static func rules(maximumPublished: Int = 10, places: [ByteString] = []) throws -> RotationRules {
        RotationRules(schedule: try schedule(maximumPublished: maximumPublished), places: places)
    }

    static func planner(maximumPublished: Int = 10, places: [ByteString] = []) throws -> RotationPlanner {
        RotationPlanner(rules: try rules(maximumPublished: maximumPublished, places: places))
    }

    /// Of each algorithm a key that signs since 2000, due at 12,000, and a standby that is published since then.
    static func settledRing() throws -> KeyRing {
        try TestKeys.fullRing()
            .publishing(TestKeys.es256(1).kid, at: time(2000))
            .publishing(TestKeys.rs256(1).kid, at: time(2000))
    }

    /// The settled ring after ES256 changed its key at 12,000: `es256(0)` retires, `es256(2)` stands by.
    static func rotatedRing() throws -> KeyRing {
        try settledRing()
            .activating(TestKeys.es256(1).kid, at: time(12_000))
            .preparing(TestKeys.es256(2))
            .publishing(TestKeys.es256(2).kid, at: time(12_000))
    }

    static func reading(_ wall: Int64, sinceBoot: Int64? = nil, boot: ByteString = "b") -> ClockReading {
        ClockReading(wall: time(wall), sinceBoot: .seconds(sinceBoot ?? wall), boot: boot)
    }
}
