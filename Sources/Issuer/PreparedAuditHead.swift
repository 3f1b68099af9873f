import JOSE
import Keys

/// A head of the log before it is signed: beside tokens and SVIDs the only thing that the keys of tokens sign.
///
/// It can never pass for a token: its `typ` is its own (RFC 8725 §3.11), and it has none of a token's claims.
struct PreparedAuditHead: Sendable {
    /// The `typ` of its header, in lower case as everywhere.
    static let type: ByteString = "jobsworth-audit-head+jws"

    /// The key that signs now.
    struct Signer: Sendable {
        let kid: ByteString
        let key: PrivateSigningKey

        /// That of the shorter signature, where there is a choice.
        init(_ keys: SigningKeys) throws(KeyRingError) {
            do {
                (kid, key) = try keys.signer(.ES256)
            } catch {
                (kid, key) = try keys.signer(.RS256)
            }
        }
    }

    let head: AuditHead

    func signed(by signer: Signer) throws -> SignedAuditHead {
        let header = JSONObject([
            ("alg", .string(ByteString(signer.key.algorithm.rawValue))), ("kid", .string(signer.kid)),
            ("typ", .string(Self.type)),
        ])
        var compact = Base64URL.encode(header.serialized)
        compact.append(UInt8(ascii: "."))
        compact += Base64URL.encode(head.document(signedBy: signer.key.publicKey).serialized)
        let signature = try signer.key.signature(over: compact)
        compact.append(UInt8(ascii: "."))
        compact += Base64URL.encode(signature)
        guard compact.count <= VerifiedAuditHead.maximumBytes else { throw Refusal(.tooMany, "chains") }
        return SignedAuditHead(compact: ByteString(compact), kid: signer.kid, head: head)
    }
}
