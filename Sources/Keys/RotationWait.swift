package import JOSE

/// What has not happened yet, and what it waits for.
package struct RotationWait: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// The active key is younger than the rotation interval.
        case rotationInterval
        /// The standby was published for less than the publication lead.
        case publicationLead
        /// No running issuer serves the standby yet.
        case notServed
        /// The standby was not seen at this publication place.
        case notSeen(place: ByteString)
        /// The retiring key is within its grace period, or tokens that it signed still live.
        case gracePeriod
        /// One more key would be more than may be published.
        case tooManyPublished
        /// The clock says a time before the ring's own.
        case clock
    }

    package let purpose: KeyPurpose
    package let kid: ByteString?
    package let cause: Cause
    /// When it can happen, where that is known.
    package let until: NumericDate?

    package init(_ purpose: KeyPurpose, _ kid: ByteString?, _ cause: Cause, until: NumericDate? = nil) {
        self.purpose = purpose
        self.kid = kid
        self.cause = cause
        self.until = until
    }
}
