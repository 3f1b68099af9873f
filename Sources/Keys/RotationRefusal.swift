package import JOSE

/// Why the ring is not changed as an operator asks.
package enum RotationRefusal: Error, Hashable, Sendable {
    case noSuchKey(ByteString)
    case wrongState(ByteString, KeyState)
    /// The ring holds no keys of this purpose, and never will.
    case notHeld(KeyPurpose)
    case noStandby(KeyPurpose)
    /// The private half does not open.
    case unusable(ByteString)
    /// Published for less than the publication lead: caches may not hold it.
    case tooYoung(ByteString, until: NumericDate)
    /// No running issuer serves it.
    case notServed(ByteString)
    /// Not seen at this publication place.
    case notSeen(ByteString, place: ByteString)
    /// Tokens that the key signed may live until then.
    case stillNeeded(ByteString, until: NumericDate)
    case tooManyPublished(Int)
    /// The clock moved against the monotonic clock, or lies before the ring's own instants.
    case clockUncertain
}
