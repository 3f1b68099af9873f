// Keys from outside: what is refused, and in which order.

extension JWK {
    /// Members that only private or symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1; `priv` of the AKP draft).
    private static let privateMembers: [ByteString] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]

    /// Reads one key of a key set.
    ///
    /// Members other than `kty`, `use`, `key_ops`, `alg`, `kid` and those of the key type are ignored (RFC 7517 §4);
    /// nothing is ever fetched from `x5u`. RSA numbers may carry one leading zero byte, which RFC 7518 §6.3.1.1 names as
    /// a known slip of libraries; it is dropped, so that ``published`` and ``thumbprint`` are those of the canonical form.
    ///
    /// - Parameter object: The key's JSON object.
    /// - Throws: ``JWKError``: private material first, then a key type, use or algorithm that is not understood, then
    ///   anything wrong with the key itself.
    package init(parsing object: JSONObject) throws(JWKError) {
        let keyType = try Self.requiredText("kty", in: object)
        guard keyType != "oct" else { throw .symmetricKey }
        guard !Self.privateMembers.contains(where: { object[$0] != nil }) else { throw .privateMaterial }
        try Self.checkUse(of: object)
        try self.init(
            material: Self.material(keyType, in: object),
            algorithm: Self.algorithm(in: object),
            keyID: Self.text("kid", in: object)
        )
    }

    private static func material(_ keyType: ByteString, in object: JSONObject) throws(JWKError) -> Material {
        switch keyType {
        case "EC":
            .ec(curve: try curve(in: object), x: try octets("x", in: object), y: try octets("y", in: object))
        case "RSA":
            .rsa(n: try number("n", in: object), e: try number("e", in: object))
        case "OKP":
            try ed25519(in: object)
        default:
            throw .unsupportedKeyType
        }
    }

    private static func ed25519(in object: JSONObject) throws(JWKError) -> Material {
        guard try requiredText("crv", in: object) == "Ed25519" else { throw .unsupportedCurve }
        return .ed25519(x: try octets("x", in: object))
    }

    private static func curve(in object: JSONObject) throws(JWKError) -> Curve {
        let name = try requiredText("crv", in: object)
        guard let curve = Curve.allCases.first(where: { ByteString($0.rawValue) == name }) else {
            throw .unsupportedCurve
        }
        return curve
    }

    private static func algorithm(in object: JSONObject) throws(JWKError) -> SignatureAlgorithm? {
        guard let name = try text("alg", in: object) else { return nil }
        guard let algorithm = SignatureAlgorithm(name) else { throw .unsupportedAlgorithm }
        return algorithm
    }

    /// `use` is absent or `sig`, `key_ops` is absent or contains `verify` (RFC 7517 §4.2, §4.3).
    private static func checkUse(of object: JSONObject) throws(JWKError) {
        if let use = try text("use", in: object), use != "sig" { throw .unsuitableUse }
        guard let value = object["key_ops"] else { return }
        guard let elements = value.arrayValue else { throw .invalidMember("key_ops") }
        let operations = elements.compactMap(\.stringValue)
        guard operations.count == elements.count, Set(operations).count == operations.count else {
            throw .invalidMember("key_ops")
        }
        guard operations.contains("verify") else { throw .unsuitableUse }
    }

    private static func text(_ name: ByteString, in object: JSONObject) throws(JWKError) -> ByteString? {
        guard let value = object[name] else { return nil }
        guard let text = value.stringValue else { throw .invalidMember(name) }
        return text
    }

    private static func requiredText(_ name: ByteString, in object: JSONObject) throws(JWKError) -> ByteString {
        guard let text = try text(name, in: object) else { throw .missingMember(name) }
        return text
    }

    private static func octets(_ name: ByteString, in object: JSONObject) throws(JWKError) -> [UInt8] {
        let text = try requiredText(name, in: object)
        guard let octets = try? Base64URL.decode(text.bytes) else { throw .invalidMember(name) }
        return octets
    }

    /// A Base64urlUInt (RFC 7518 §2), less one leading zero byte.
    private static func number(_ name: ByteString, in object: JSONObject) throws(JWKError) -> [UInt8] {
        let octets = try octets(name, in: object)
        let number = octets.count > 1 && octets.first == 0 ? Array(octets.dropFirst()) : octets
        guard let first = number.first, first != 0 else { throw .invalidMember(name) }
        return number
    }
}
