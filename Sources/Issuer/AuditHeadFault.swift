package import JOSE

/// Why a head is not to be believed, or a log not to be what its head says.
package enum AuditHeadFault: Error, Hashable, Sendable {
    /// Not a compact JWS with the header and the payload of a head.
    case malformed
    /// The JWS is something else: a token, by the `typ` of its header.
    case notAHead
    /// The key is none of those that are believed.
    case keyUnknown(ByteString)
    /// The key was withdrawn because of compromise: whoever has it makes such heads.
    case keyRevoked(ByteString)
    case signatureInvalid
    /// A chain of the head is not in the log.
    case chainMissing(ByteString)
    /// A chain ends before the record that the head names.
    case chainCut(ByteString, at: Int64, had: Int64)
    /// A chain has another record where the head names one, or before it.
    case chainRewritten(ByteString, at: Int64)

    /// The stable reason code.
    package var reason: String {
        switch self {
        case .malformed: "head_malformed"
        case .notAHead: "head_type"
        case .keyUnknown: "head_key_unknown"
        case .keyRevoked: "head_key_revoked"
        case .signatureInvalid: "head_signature_invalid"
        case .chainMissing: "log_chain_missing"
        case .chainCut: "log_cut"
        case .chainRewritten: "log_rewritten"
        }
    }

    /// What is wrong, and how to mend it.
    package var explanation: String {
        switch self {
        case .malformed: "this is no head of a log, or not all of one; take another copy of it"
        case .notAHead: "this is signed as something else than a head of a log; give what jobsworth audit head printed"
        case .keyUnknown(let kid):
            "the log does not say that \(kid) ever was a key of this issuer; is it the head of another log? Else name with --jwks the keys that were kept with the head"
        case .keyRevoked(let kid):
            "the log holds all that the head says, but \(kid) was revoked: whoever stole it can sign such a head. Where it lay safe, say so with --jwks and the keys that were kept with it"
        case .signatureInvalid:
            "the head was changed, or is not signed by the key that it names; take another copy of it"
        case .chainMissing(let name): "the chain \(name) is gone from the log; \(Self.mend)"
        case .chainCut(let name, let sequence, let had):
            "the chain \(name) ends at record \(sequence), it had \(had) when the head was made; \(Self.mend)"
        case .chainRewritten(let name, let sequence):
            "the chain \(name) has other records up to \(sequence) than when the head was made; \(Self.mend)"
        }
    }

    private static let mend = "records were taken out or written anew: compare the log with a backup"
}
