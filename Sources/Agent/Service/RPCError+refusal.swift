import Attestation
import GRPCCore
import JOSE

extension RPCError {
    /// The caller has no identity here, whatever the reason: that one is for the log.
    static let noIdentity = RPCError(code: .permissionDenied, message: "no identity issued")

    /// The server is going; another may come.
    static let closing = RPCError(code: .unavailable, message: "the Workload API is shutting down")

    /// The client has gone.
    static let cancelled = RPCError(code: .cancelled, message: "the request was cancelled")

    /// What a refusal is to the caller (Workload Endpoint §6, Workload API §5.2.1, §6.2.1).
    ///
    /// Evidence that is refused is no invalid argument: clients never come again after that, and the next evidence may
    /// be good.
    init(_ refusal: SVIDRefusal, fetching what: String) {
        switch refusal {
        case .evidenceRefused, .evidenceNotTrusted, .evidenceExpired, .evidenceReplayed, .noIdentity:
            self = .noIdentity
        case .issuerKeysUnavailable:
            self.init(code: .unavailable, message: "workload attestation failed")
        case .unavailable:
            self.init(code: .unavailable, message: "could not fetch \(what): nothing can be signed or recorded now")
        }
    }
}

extension SVIDRefusal {
    /// Whether the same may succeed in a while.
    var isTemporary: Bool {
        switch self {
        case .issuerKeysUnavailable, .unavailable: true
        case .evidenceRefused, .evidenceNotTrusted, .evidenceExpired, .evidenceReplayed, .noIdentity: false
        }
    }

    /// The stable code for the log.
    var reason: String {
        switch self {
        case .evidenceRefused(let error): "evidence_refused:" + error.reason
        case .evidenceNotTrusted: "evidence_not_trusted"
        case .evidenceExpired: "evidence_expired"
        case .evidenceReplayed: "evidence_replayed"
        case .noIdentity(let about): "no_identity:" + about.string
        case .issuerKeysUnavailable: "issuer_keys_unavailable"
        case .unavailable: "unavailable"
        }
    }
}
