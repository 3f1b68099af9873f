package import JOSE
package import Keys

/// A JWT-SVID whose claims are decided and not yet signed (JWT-SVID §3).
package struct PreparedJWTSVID: Sendable {
    /// What further claims never say: they are ours.
    package static let reservedClaims: Set<ByteString> = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]

    package let id: SPIFFEID
    package let audiences: [ByteString]
    package let jti: ByteString
    package let expiresAt: NumericDate
    private let payload: [UInt8]

    /// Claims of one workload, for those audiences.
    ///
    /// `aud` is always an array, as other Workload APIs make it. `issuer` becomes `iss`, for relying parties that know us
    /// by OpenID Connect discovery; `claims` are further ones, none of ``reservedClaims``.
    package init(
        id: SPIFFEID,
        audiences: [ByteString],
        jti: ByteString,
        issuedAt: NumericDate,
        expiresAt: NumericDate,
        issuer: ByteString? = nil,
        claims: JSONObject = JSONObject()
    ) throws(JWTSVIDProblem) {
        guard !id.path.isEmpty else { throw .idWithoutPath }
        guard !audiences.isEmpty, !audiences.contains(where: \.isEmpty) else { throw .audienceMissing }
        for member in claims.members where Self.reservedClaims.contains(member.name) {
            throw .reservedClaim(member.name)
        }
        self.id = id
        self.audiences = audiences
        self.jti = jti
        self.expiresAt = expiresAt
        var payload = JSONObject()
        payload["iss"] = issuer.map { .string($0) }
        payload["sub"] = .string(id.text)
        payload["aud"] = .array(audiences.map { .string($0) })
        payload["exp"] = .integer(expiresAt.secondsSinceEpoch)
        payload["iat"] = .integer(issuedAt.secondsSinceEpoch)
        payload["jti"] = .string(jti)
        for member in claims.members { payload[member.name] = member.value }
        self.payload = payload.serialized
    }

    /// The SVID, with `alg`, `kid` and `typ` in its header and nothing else (JWT-SVID §2).
    package func signed(by key: PrivateSigningKey, kid: ByteString) throws(JWTSVIDProblem) -> JWTSVID {
        let header = JSONObject([
            ("alg", .string(ByteString(key.algorithm.rawValue))), ("kid", .string(kid)), ("typ", "JWT"),
        ])
        var compact = Base64URL.encode(header.serialized)
        compact.append(UInt8(ascii: "."))
        compact += Base64URL.encode(payload)
        guard let signature = try? key.signature(over: compact) else { throw .notSigned }
        compact.append(UInt8(ascii: "."))
        compact += Base64URL.encode(signature)
        guard compact.count <= UnverifiedToken.maximumBytes else { throw .tooLarge }
        return JWTSVID(id: id, compact: ByteString(compact), expiresAt: expiresAt)
    }
}
