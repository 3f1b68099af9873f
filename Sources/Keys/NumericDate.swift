/// An instant as whole seconds since 1970-01-01T00:00:00Z, leap seconds ignored (RFC 7519 §2).
package struct NumericDate: Hashable, Comparable, Sendable {
    package let secondsSinceEpoch: Int64

    package init(secondsSinceEpoch: Int64) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// The instant `seconds` later (earlier when negative); the ends of the range hold instead of overflowing.
    package func advanced(bySeconds seconds: Int64) -> NumericDate {
        let (sum, overflow) = secondsSinceEpoch.addingReportingOverflow(seconds)
        return NumericDate(secondsSinceEpoch: overflow ? (seconds < 0 ? .min : .max) : sum)
    }

    /// The instant `duration` later, by its whole seconds.
    package func advanced(by duration: Duration) -> NumericDate {
        advanced(bySeconds: duration.components.seconds)
    }

    package static func < (left: NumericDate, right: NumericDate) -> Bool {
        left.secondsSinceEpoch < right.secondsSinceEpoch
    }
}
