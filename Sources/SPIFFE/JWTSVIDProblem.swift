package import JOSE

/// Why no JWT-SVID can be made as asked.
package enum JWTSVIDProblem: Error, Hashable, Sendable {
    /// No audience, or an empty one.
    case audienceMissing
    /// The SPIFFE ID is a trust domain's own.
    case idWithoutPath
    /// A further claim is one that only we make.
    case reservedClaim(ByteString)
    /// Longer than any verifier of ours reads.
    case tooLarge
    case notSigned
}
