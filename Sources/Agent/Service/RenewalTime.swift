import Keys
import SPIFFE

/// When SVIDs are due again: past half of what is left of the shortest life, spread by a tenth either way.
enum RenewalTime {
    /// After a failure that may pass.
    static let retrySeconds: Int64 = 10

    static func next(
        for svids: [SPIFFE.X509SVID],
        at now: NumericDate,
        using generator: inout some RandomNumberGenerator
    ) -> NumericDate {
        let left = svids.map { $0.expiresAt.secondsSinceEpoch - now.secondsSinceEpoch }.min() ?? 0
        let half = Double(left) / 2 * Double.random(in: 0.9...1.1, using: &generator)
        // A life of no length must not become a loop without rest.
        return now.advanced(bySeconds: max(1, Int64(half)))
    }
}
