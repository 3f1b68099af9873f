// The numbers of a public key.

extension JWK {
    /// What a public key consists of.
    package enum Material: Hashable, Sendable {
        /// A point on a curve, each coordinate big-endian in ``Curve/coordinateByteCount`` bytes (RFC 7518 §6.2).
        case ec(curve: Curve, x: [UInt8], y: [UInt8])

        /// A modulus and an exponent, big-endian without leading zero bytes (RFC 7518 §6.3).
        case rsa(n: [UInt8], e: [UInt8])

        /// An Ed25519 public key of 32 bytes (RFC 8037 §2).
        case ed25519(x: [UInt8])

        /// The members that make the key, in lexicographic order, as RFC 7638 §3.2 wants them.
        var requiredMembers: [(ByteString, JSONValue)] {
            switch self {
            case .ec(let curve, let x, let y):
                [
                    ("crv", .string(ByteString(curve.rawValue))), ("kty", "EC"), ("x", .base64URL(x)),
                    ("y", .base64URL(y)),
                ]
            case .rsa(let n, let e):
                [("e", .base64URL(e)), ("kty", "RSA"), ("n", .base64URL(n))]
            case .ed25519(let x):
                [("crv", "Ed25519"), ("kty", "OKP"), ("x", .base64URL(x))]
            }
        }

        /// The members that follow `kty` in what we publish.
        var publishedMembers: [(ByteString, JSONValue)] {
            switch self {
            case .rsa(let n, let e): [("n", .base64URL(n)), ("e", .base64URL(e))]
            case .ec, .ed25519: requiredMembers.filter { $0.0 != "kty" }
            }
        }

        /// The `kty` value (RFC 7518 §6.1, RFC 8037 §2).
        var keyType: JSONValue {
            switch self {
            case .ec: "EC"
            case .rsa: "RSA"
            case .ed25519: "OKP"
            }
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    /// A string value from a literal.
    package init(stringLiteral value: String) {
        self = .string(ByteString(value))
    }

    /// Bytes as a string in base64url.
    static func base64URL(_ bytes: [UInt8]) -> JSONValue {
        .string(ByteString(Base64URL.encode(bytes)))
    }
}
