// Issuers, keys and tokens for the tests: real keys, real signatures.

import Crypto
import JOSE
import Keys
import SPIFFE

@testable import Attestation

enum Samples {
    static let name: ByteString = "https://ci.example.test"
    static let other: ByteString = "https://other.example.test"
    static let now = NumericDate(secondsSinceEpoch: 1_800_000_000)
    static let es256 = Result { try PrivateSigningKey.generate(.ES256) }
    static let otherES256 = Result { try PrivateSigningKey.generate(.ES256) }
    static let rs256 = Result { try PrivateSigningKey.generate(.RS256) }

    static func trustDomain() throws -> TrustDomain { try TrustDomain("example.org") }

    static func issuer(
        _ name: ByteString = name,
        claims: [RequiredClaim] = [],
        algorithms: Set<SignatureAlgorithm> = [.RS256, .ES256],
        maximumAge: Int64 = 86_400,
        refusesReplay: Bool = false
    ) -> TrustedIssuer {
        TrustedIssuer(
            keyLocation: KeyLocation(issuer: name, jwksURI: nil, caBundle: nil),
            audiences: ["spiffe://example.org"],
            requiredClaims: claims,
            algorithms: algorithms,
            maximumAge: maximumAge,
            refusesReplay: refusesReplay
        )
    }

    static func keys() throws -> JWKSet {
        JWKSet(try [es256, rs256].map { try named($0.get()) })
    }

    static func named(_ key: PrivateSigningKey) throws -> JWK {
        try JWK(material: key.publicKey.material, algorithm: nil, keyID: key.publicKey.thumbprint)
    }

    static var goodClaims: JSONObject {
        JSONObject([
            ("iss", .string(name)), ("sub", "repo:acme/widgets:ref:refs/heads/main"), ("aud", "spiffe://example.org"),
            ("exp", .integer(now.secondsSinceEpoch + 300)), ("iat", .integer(now.secondsSinceEpoch)),
            ("jti", "one"), ("repository", "acme/widgets"), ("ref", "refs/heads/main"),
        ])
    }

    /// A good token, changed, and really signed.
    static func evidence(
        key: PrivateSigningKey? = nil,
        header changeHeader: (inout JSONObject) -> Void = { _ in },
        claims changeClaims: (inout JSONObject) -> Void = { _ in }
    ) throws -> Evidence {
        let key = try key ?? es256.get()
        var header = JSONObject([
            ("alg", .string(ByteString(key.algorithm.rawValue))), ("kid", .string(key.publicKey.thumbprint)),
            ("typ", "JWT"),
        ])
        var claims = goodClaims
        changeHeader(&header)
        changeClaims(&claims)
        return try signed(header.serialized, claims.serialized) { try key.signature(over: $0) }
    }

    static func signed(
        _ header: [UInt8],
        _ payload: [UInt8],
        by sign: ([UInt8]) throws -> [UInt8]
    ) throws -> Evidence {
        let input = Base64URL.encode(header) + [UInt8(ascii: ".")] + Base64URL.encode(payload)
        return Evidence(token: ByteString(try input + [UInt8(ascii: ".")] + Base64URL.encode(sign(input))))
    }

    static func workload(_ claims: [(ByteString, JSONValue)]) -> AttestedWorkload {
        AttestedWorkload(
            claims: JSONObject([("iss", .string(name))] + claims),
            expiresAt: now.advanced(bySeconds: 300)
        )
    }

    /// What comes of evidence; nil where it is accepted.
    static func refusal(
        of evidence: Evidence,
        trusting issuers: [TrustedIssuer] = [issuer()],
        keys: JWKSet? = nil,
        at now: NumericDate = now
    ) throws -> SVIDRefusal? {
        let keys = try keys ?? Self.keys()
        let attestor = TokenAttestor(TrustedIssuers(issuers))
        do throws(SVIDRefusal) {
            _ = try attestor.attest(try attestor.examine(evidence, at: now), with: keys, at: now)
            return nil
        } catch {
            return error
        }
    }

    /// YAML's tree of a section, without YAML.
    static func section(_ name: ByteString, _ spec: JSONValue) -> JSONValue {
        .object(JSONObject([("section", .string(name)), ("schema", "v1"), ("spec", spec)]))
    }

    /// JSON for a spec, to write trees shortly.
    static func tree(_ json: String) throws -> JSONValue {
        try JSONReader.read(Array(json.utf8))
    }

    static func policy(
        attestation: String? = nil,
        issuance: String? = nil,
        olderClaims: ByteString = ""
    ) throws -> AgentPolicy {
        var sections: [JSONValue] = []
        if let attestation { sections.append(section("WorkloadAttestation", try tree(attestation))) }
        if let issuance { sections.append(section("SVIDIssuancePolicy", try tree(issuance))) }
        return try AgentPolicy(
            reading: sections,
            trustDomain: trustDomain(),
            cluster: "ci",
            olderClaims: olderClaims
        )
    }

    /// The problems of a configuration as `path explanation`; none if it is sound.
    static func problems(
        attestation: String? = nil,
        issuance: String? = nil,
        olderClaims: ByteString = ""
    ) throws -> [String] {
        do {
            _ = try policy(attestation: attestation, issuance: issuance, olderClaims: olderClaims)
            return []
        } catch let problems as ConfigurationProblems {
            return problems.all.map { "\($0.path) \($0.explanation)" }
        }
    }
}
