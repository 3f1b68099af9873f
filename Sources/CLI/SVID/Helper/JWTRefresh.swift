import Keys

/// When a JWT-SVID is replaced.
enum JWTRefresh {
    /// The wait from `now`: half of the life that is left, and a second; a token that has expired is replaced in a second.
    static func pause(expiresAt: NumericDate, now: NumericDate) -> Duration {
        let (left, overflow) = expiresAt.secondsSinceEpoch.subtractingReportingOverflow(now.secondsSinceEpoch)
        return .seconds(overflow ? 1 : max(left, 0) / 2 + 1)
    }
}
