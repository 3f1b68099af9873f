package import JOSE

/// What the two clocks of a machine said at one moment.
package struct ClockReading: Hashable, Sendable {
    package let wall: NumericDate
    /// Since the machine started, sleep included; no one can set it.
    package let sinceBoot: Duration
    /// Which start that was: readings of different starts can't be compared.
    package let boot: ByteString

    package init(wall: NumericDate, sinceBoot: Duration, boot: ByteString) {
        self.wall = wall
        self.sinceBoot = sinceBoot
        self.boot = boot
    }
}
