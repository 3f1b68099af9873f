/// Sees when somebody moves the wall clock: on a moved clock no key changes its state and no token is issued, until the
/// time returns or an operator says that the clock is right.
package struct ClockWatch: Hashable, Sendable {
    /// More than time services correct while running, less than breaks anything.
    package static let tolerance: Duration = .seconds(300)

    /// The last reading that was trusted.
    package private(set) var trusted: ClockReading?

    package init(trusted: ClockReading? = nil) {
        self.trusted = trusted
    }

    /// Whether `reading` follows from the last trusted one, which it then replaces.
    package mutating func trusts(_ reading: ClockReading) -> Bool {
        if let trusted, !Self.follows(reading, from: trusted) { return false }
        trusted = reading
        return true
    }

    /// The time of `reading` as far as it can be told: the wall clock's where it is trusted, else the last trusted time
    /// and what passed since.
    package func bestTime(at reading: ClockReading) -> NumericDate {
        guard let trusted, !Self.follows(reading, from: trusted) else { return reading.wall }
        guard reading.boot == trusted.boot else { return trusted.wall }
        return trusted.wall.advanced(by: reading.sinceBoot - trusted.sinceBoot)
    }

    private static func follows(_ reading: ClockReading, from trusted: ClockReading) -> Bool {
        let wall = Duration.seconds(reading.wall.secondsSinceEpoch) - .seconds(trusted.wall.secondsSinceEpoch)
        // After a start of the machine only this is known: time does not go back.
        guard reading.boot == trusted.boot else { return wall >= .zero - tolerance }
        let difference = wall - (reading.sinceBoot - trusted.sinceBoot)
        return difference <= tolerance && difference >= .zero - tolerance
    }
}
