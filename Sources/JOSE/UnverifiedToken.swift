// A token taken apart, before anything in it may be believed.

/// A JWS in compact serialisation (RFC 7515 §7.1) that is well-formed.
///
/// Nothing in it is verified.
package struct UnverifiedToken: Sendable {
    /// The header's `alg`, one of those that can be verified; whether it is allowed is the verifier's decision.
    package let algorithm: SignatureAlgorithm

    /// The header's `kid`, 1 to ``JWK/maximumKeyIDBytes`` bytes.
    ///
    /// Opaque: it is looked up, never interpreted.
    package let keyID: ByteString?

    /// The decoded payload, any bytes.
    package let payload: [UInt8]

    /// The decoded signature, possibly empty.
    package let signature: [UInt8]

    /// The bytes the signature is over: the encoded header, a dot, the encoded payload (RFC 7515 §5.2).
    package let signingInput: [UInt8]

    /// The decoded header: `alg`, `kid` and `typ`, and what its reader passes over.
    package let headerObject: JSONObject

    /// The most bytes of a token.
    package static let maximumBytes = 16_384

    /// What `typ` of a JWT may be, in lower case.
    package static let types: Set<ByteString> = ["jwt", "application/jwt"]

    /// Takes a token apart.
    ///
    /// Length, alphabet and dots are checked in one pass before anything is copied. Each part has to be strict base64url
    /// and the header one JSON object without duplicate members. A header member other than `alg`, `kid` and `typ` is
    /// refused, among them `crit`, `b64`, `jwk`, `jku`, `x5u`, `x5c`, `zip`, `enc` and `cty`: nothing in a header may choose
    /// a key or change how the token is read. `typ` is absent or, in any case of letters, `JWT` or `application/jwt`
    /// (RFC 7519 §5.1, RFC 7515 §4.1.9).
    ///
    /// - Parameters:
    ///   - bytes: The token, without surrounding whitespace.
    ///   - types: What `typ` may be instead, in lower case.
    ///   - ignored: Header members that may stand there and mean nothing to us, as the `x5t` of an issuer that names its
    ///     key twice (RFC 7515 §4.1.7); none may be one that has to be understood.
    ///   - limit: The most bytes of what is not a token.
    /// - Throws: ``VerificationError``: `tokenTooLarge`, `malformedToken`, `malformedHeader`, `headerMemberNotAllowed`,
    ///   `algorithmNotAllowed`, `typNotAllowed` or `keyIDInvalid`, checked in this order.
    package init(
        parsing bytes: [UInt8],
        types: Set<ByteString> = Self.types,
        ignoring ignored: Set<ByteString> = [],
        upTo limit: Int = Self.maximumBytes
    ) throws(VerificationError) {
        guard bytes.count <= limit else { throw .tokenTooLarge }
        let (first, second) = try Self.dots(in: bytes)
        let header = try Self.decode(bytes[..<first])
        payload = try Self.decode(bytes[(first + 1)..<second])
        signature = try Self.decode(bytes[(second + 1)...])
        signingInput = Array(bytes[..<second])
        headerObject = try Self.header(header, ignoring: ignored)
        algorithm = try Self.algorithm(in: headerObject)
        try Self.checkType(in: headerObject, types)
        keyID = try Self.keyID(in: headerObject)
    }

    /// The places of the two dots in text of the right alphabet.
    private static func dots(in bytes: [UInt8]) throws(VerificationError) -> (first: Int, second: Int) {
        var first: Int?
        var second: Int?
        for (index, byte) in bytes.enumerated() {
            guard byte == UInt8(ascii: ".") else {
                guard Base64URL.contains(byte) else { throw .malformedToken }
                continue
            }
            guard second == nil else { throw .malformedToken }
            (first, second) = first == nil ? (index, nil) : (first, index)
        }
        guard let first, let second else { throw .malformedToken }
        return (first, second)
    }

    private static func decode(_ part: ArraySlice<UInt8>) throws(VerificationError) -> [UInt8] {
        do throws(JOSEError) {
            return try Base64URL.decode(part)
        } catch {
            throw .malformedToken
        }
    }

    private static func header(
        _ bytes: [UInt8],
        ignoring ignored: Set<ByteString>
    ) throws(VerificationError) -> JSONObject {
        guard case .object(let header)? = try? JSONReader.read(bytes) else { throw .malformedHeader }
        let allowed = ignored.union(["alg", "kid", "typ"])
        guard header.members.allSatisfy({ allowed.contains($0.name) }) else { throw .headerMemberNotAllowed }
        return header
    }

    private static func algorithm(in header: JSONObject) throws(VerificationError) -> SignatureAlgorithm {
        guard let name = header["alg"]?.stringValue else { throw .malformedHeader }
        guard let algorithm = SignatureAlgorithm(name) else { throw .algorithmNotAllowed }
        return algorithm
    }

    private static func checkType(in header: JSONObject, _ types: Set<ByteString>) throws(VerificationError) {
        guard let value = header["typ"] else { return }
        guard let type = value.stringValue else { throw .typNotAllowed }
        let lowercased = ByteString(type.bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
        guard types.contains(lowercased) else { throw .typNotAllowed }
    }

    private static func keyID(in header: JSONObject) throws(VerificationError) -> ByteString? {
        guard let value = header["kid"] else { return nil }
        guard let keyID = value.stringValue, (1...JWK.maximumKeyIDBytes).contains(keyID.count) else {
            throw .keyIDInvalid
        }
        return keyID
    }
}
