import Crypto
import FoundationEssentials
import JOSE
package import Keys
import SwiftASN1
import X509

extension TrustBundle {
    /// The `use` of a key whose certificate verifies X.509-SVIDs.
    private static let x509Use: ByteString = "x509-svid"
    /// The `use` of a key that verifies JWT-SVIDs.
    private static let jwtUse: ByteString = "jwt-svid"
    private static let limits = JSONReader.Limits(maximumBytes: 1_048_576)

    /// The published keys of a ring: all by which an SVID that is still good verifies.
    package init(ring: KeyRing, trustDomain: TrustDomain) {
        self.init(
            trustDomain: trustDomain,
            x509Authorities: ring.publishedCertificates.map(\.der),
            jwtAuthorities: ring.published,
            sequence: ring.version
        )
    }

    /// The SPIFFE bundle as JSON (SPIFFE Trust Domain and Bundle §4).
    ///
    /// `refreshHint` says how often readers are to look again; whole seconds count.
    package func document(refreshHint: Duration) -> [UInt8] {
        JSONObject([
            ("keys", .array((x509Authorities.compactMap(Self.entry) + jwtEntries).map { .object($0) })),
            ("spiffe_sequence", .integer(sequence)),
            ("spiffe_refresh_hint", .integer(refreshHint.components.seconds)),
        ]).serialized
    }

    /// The JWK Set that the Workload API answers (Workload API §6.2.2): only what verifies JWT-SVIDs.
    package var jwkSetDocument: [UInt8] {
        JSONObject([("keys", .array(jwtEntries.map { .object($0) }))]).serialized
    }

    private var jwtEntries: [JSONObject] {
        jwtAuthorities.keys.map { key in
            var entry = key.published
            entry["use"] = .string(Self.jwtUse)
            return entry
        }
    }

    /// An authority of ours, which always is of P-256, as a JWK: with its certificate and without a `kid`
    /// (X509-SVID §6.1).
    private static func entry(_ der: [UInt8]) -> JSONObject? {
        guard let certificate = try? Certificate(derEncoded: der),
            let key = P256.Signing.PublicKey(certificate.publicKey)
        else { return nil }
        let point = [UInt8](key.rawRepresentation)
        return JSONObject([
            ("kty", "EC"), ("use", .string(x509Use)), ("crv", "P-256"),
            ("x", .string(ByteString(Base64URL.encode(point.prefix(32))))),
            ("y", .string(ByteString(Base64URL.encode(point.dropFirst(32))))),
            ("x5c", .array([.string(ByteString(Data(der).base64EncodedString()))])),
        ])
    }
}

extension TrustBundle {
    /// Reads a SPIFFE bundle of `trustDomain`, which the document does not name.
    ///
    /// Keys of an unknown type or use are left out (§4.2), also such as can't be used; a certificate that can't be read
    /// is an error.
    package init(parsing bytes: [UInt8], trustDomain: TrustDomain) throws(TrustBundleError) {
        guard case .object(let document)? = try? JSONReader.read(bytes, limits: Self.limits),
            case .array(let values)? = document["keys"]
        else { throw .malformed }
        let keys = values.compactMap(\.objectValue)
        var authorities: [[UInt8]] = []
        for key in keys where key["use"]?.stringValue == Self.x509Use && key["kty"]?.stringValue != nil {
            guard let authority = try Self.certificate(key), !authorities.contains(authority) else { continue }
            authorities.append(authority)
        }
        self.init(
            trustDomain: trustDomain,
            x509Authorities: authorities,
            jwtAuthorities: JWKSet(keys.compactMap(Self.jwtAuthority)),
            sequence: document["spiffe_sequence"]?.integerValue ?? 0
        )
    }

    /// The first certificate of `x5c` (X509-SVID §6.2); nil where there is none.
    private static func certificate(_ key: JSONObject) throws(TrustBundleError) -> [UInt8]? {
        guard let value = key["x5c"]?.arrayValue?.first else { return nil }
        guard let text = value.stringValue, let der = Data(base64Encoded: Data(text.bytes)),
            (try? Certificate(derEncoded: [UInt8](der))) != nil
        else { throw .certificateInvalid }
        return [UInt8](der)
    }

    /// A key of a JWT-SVID must have a `kid` (JWT-SVID §6.1).
    private static func jwtAuthority(_ key: JSONObject) -> JWK? {
        guard key["use"]?.stringValue == jwtUse, key["kid"] != nil else { return nil }
        // To readers of plain key sets this use is none of theirs.
        var key = key
        key["use"] = nil
        return try? JWK(parsing: key)
    }
}
