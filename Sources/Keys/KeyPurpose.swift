package import JOSE

/// What a key signs; of each purpose one key is active, and one stands by.
package enum KeyPurpose: Hashable, Sendable {
    /// Tokens, with this algorithm.
    case tokens(SigningAlgorithm)
    /// X.509 certificates, with ECDSA on P-256: the key is a certification authority's (X509-SVID §4.1).
    case certificates

    package static let RS256 = KeyPurpose.tokens(.RS256)
    package static let ES256 = KeyPurpose.tokens(.ES256)

    /// The purposes of an issuer's keys.
    package static let allTokens: [KeyPurpose] = SigningAlgorithm.allCases.map { .tokens($0) }

    /// The purpose of this ``name``.
    package init?(_ name: ByteString) {
        guard let known = (Self.allTokens + [.certificates]).first(where: { $0.name == name }) else { return nil }
        self = known
    }

    /// What such a key signs with.
    package var algorithm: SigningAlgorithm {
        switch self {
        case .tokens(let algorithm): algorithm
        case .certificates: .ES256
        }
    }

    /// The algorithm of the tokens, or `certificates`.
    package var name: ByteString {
        switch self {
        case .tokens(let algorithm): ByteString(algorithm.rawValue)
        case .certificates: "certificates"
        }
    }
}
