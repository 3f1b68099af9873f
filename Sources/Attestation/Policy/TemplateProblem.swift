package import JOSE

/// Why a template of the issuance policy is refused when it is loaded.
package enum TemplateProblem: Error, Hashable, Sendable {
    case malformed
    case attribute(WorkloadAttribute.Invalid)
    /// A path does not begin with a slash, or has an empty segment.
    case segmentEmpty
    case segmentIsDots
    case literalInvalid
    /// Different values could meet in one segment.
    case twoInSegment
    /// What SPIFFE keeps for its own infrastructure.
    case reservedPath
    case tooLong
    /// It is the same for every workload.
    case isStatic
    /// Different values could meet in one claim.
    case twoInClaim
    case notDistinguishedName
    case claimName
    case reservedClaim

    /// What is wrong, and what to write instead.
    package var explanation: ByteString {
        switch self {
        case .malformed: "is no template; write attributes as {{jwt.claim.repository}}"
        case .attribute(let invalid): invalid.explanation
        case .segmentEmpty: "must begin with a slash, end with none and have no empty segment"
        case .segmentIsDots: "has a segment . or .., which no SPIFFE ID has"
        case .literalInvalid: "may hold letters, digits, . - _ and / beside its attributes"
        case .twoInSegment: "has two attributes in one segment, where different values could meet; put a / between them"
        case .reservedPath: "begins with /spire, which is reserved; begin with another word"
        case .tooLong: "is longer than 1024 bytes"
        case .isStatic: "is the same for every workload; name an attribute, as {{jwt.claim.repository}}"
        case .twoInClaim: "has more than one attribute, where different values could meet; give each a claim of its own"
        case .notDistinguishedName: "must be as O=Acme Corp,OU=Engineering (RFC 4514)"
        case .claimName: "is no name for a claim; it must be like team or cost_center: [a-z][a-z0-9_]{0,63}"
        case .reservedClaim: "is a claim with a meaning of its own, which no policy sets; take another name"
        }
    }
}
