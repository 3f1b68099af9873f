import Issuer
import Keys

/// A token's request as far as it was decided without a wait.
enum TokenAtOnce: Sendable {
    /// Everything was checked; the token is to be signed and recorded.
    case prepared(PreparedToken, of: Job, at: NumericDate)
    case refused(WholeAnswer)
}
