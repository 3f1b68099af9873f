import JOSE

/// The stored form of a ``KeyRing``: one JSON object.
///
/// A document is written by this type and read back only whole.
package enum KeyRingDocument {
    private static let limits = JSONReader.Limits(
        maximumBytes: 4_194_304,
        maximumDepth: 8,
        maximumMembers: 64,
        maximumElements: 10_000
    )

    package static func write(_ ring: KeyRing) -> [UInt8] {
        JSONObject([
            ("version", .integer(ring.version)),
            ("keys", .array(ring.keys.map { .object(write($0)) })),
        ]).serialized
    }

    package static func read(_ bytes: [UInt8]) throws(KeyRingError) -> KeyRing {
        guard let document = try? JSONReader.read(bytes, limits: limits), case .object(let members) = document,
            case .integer(let version)? = members["version"], case .array(let values)? = members["keys"]
        else { throw .malformedDocument }
        var keys: [SigningKey] = []
        for value in values {
            guard case .object(let members) = value, let key = read(members) else { throw .malformedDocument }
            keys.append(key)
        }
        let ring = KeyRing(version: version, keys: keys)
        // What we wrote has one spelling: nothing damaged passes for absent, nothing unknown is dropped.
        guard write(ring) == bytes, isSound(ring) else { throw .malformedDocument }
        return ring
    }

    /// No key twice, and at most one that signs for a purpose.
    private static func isSound(_ ring: KeyRing) -> Bool {
        let signing = ring.keys.filter { $0.state == .active }.map(\.purpose)
        return Set(ring.keys.map(\.kid)).count == ring.keys.count && Set(signing).count == signing.count
    }

    private static func write(_ key: SigningKey) -> JSONObject {
        var object = JSONObject([
            ("algorithm", .string(ByteString(key.algorithm.rawValue))),
            ("state", .string(ByteString(key.state.rawValue))),
            ("public", .object(key.publicKey.published)),
            ("preparedAt", .integer(key.preparedAt.secondsSinceEpoch)),
        ])
        object["publishedAt"] = key.publishedAt.map { .integer($0.secondsSinceEpoch) }
        object["activatedAt"] = key.activatedAt.map { .integer($0.secondsSinceEpoch) }
        object["retiringAt"] = key.retiringAt.map { .integer($0.secondsSinceEpoch) }
        object["endedAt"] = key.endedAt.map { .integer($0.secondsSinceEpoch) }
        object["sealed"] = key.sealedPrivateKey.map { .string(ByteString(Base64URL.encode($0.bytes))) }
        if let certificate = key.certificate {
            object["purpose"] = .string(key.purpose.name)
            object["certificate"] = .string(ByteString(Base64URL.encode(certificate.der)))
            object["certificateExpiresAt"] = .integer(certificate.expiresAt.secondsSinceEpoch)
        }
        return object
    }

    private static func read(_ object: JSONObject) -> SigningKey? {
        guard case .string(let algorithmName)? = object["algorithm"],
            let algorithm = SigningAlgorithm(rawValue: algorithmName.string),
            case .string(let stateName)? = object["state"], let state = KeyState(rawValue: stateName.string),
            case .object(let publicObject)? = object["public"], let publicKey = try? JWK(parsing: publicObject),
            publicKey.keyID == publicKey.thumbprint, publicKey.algorithm == algorithm.signatureAlgorithm,
            let preparedAt = date(object["preparedAt"])
        else { return nil }
        let certificate = certificate(object)
        guard certificate == nil || algorithm == KeyPurpose.certificates.algorithm else { return nil }
        return SigningKey(
            publicKey: publicKey,
            purpose: certificate == nil ? .tokens(algorithm) : .certificates,
            sealed: sealed(object["sealed"]),
            certificate: certificate,
            state: state,
            preparedAt: preparedAt,
            publishedAt: date(object["publishedAt"]),
            activatedAt: date(object["activatedAt"]),
            retiringAt: date(object["retiringAt"]),
            endedAt: date(object["endedAt"])
        )
    }

    /// A key with a certificate is one that signs certificates; without one it could not.
    private static func certificate(_ object: JSONObject) -> KeyCertificate? {
        guard case .string(let text)? = object["certificate"], let der = try? Base64URL.decode(text.bytes),
            let expiresAt = date(object["certificateExpiresAt"])
        else { return nil }
        return KeyCertificate(der: der, expiresAt: expiresAt)
    }

    private static func date(_ value: JSONValue?) -> NumericDate? {
        guard case .integer(let seconds)? = value else { return nil }
        return NumericDate(secondsSinceEpoch: seconds)
    }

    private static func sealed(_ value: JSONValue?) -> SealedSecret? {
        guard case .string(let text)? = value, let bytes = try? Base64URL.decode(text.bytes) else { return nil }
        return SealedSecret(bytes: bytes)
    }
}
