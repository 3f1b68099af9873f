/// Why the text of a token file cannot be relayed.
package enum RelayedTokenError: Error, Hashable, Sendable {
    case empty
    /// More than fits the head of a request.
    case tooLong
    /// Not three parts with a JSON object in the middle.
    case notAToken
    /// Without `exp`, the relay would not know when to end.
    case expiryMissing
    /// It has expired already.
    case expired

    /// What is wrong, for a person; the token is not quoted.
    package var explanation: String {
        switch self {
        case .empty: "the token file is empty; write the job's token into it"
        case .tooLong: "the token is longer than 15360 bytes, which no request can carry; ask for one with fewer claims"
        case .notAToken: "the token file holds no JWT"
        case .expiryMissing: "the token has no exp"
        case .expired: "the token has expired; get a new one and write it into the token file"
        }
    }
}
