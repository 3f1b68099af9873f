import Attestation
import Server
import Synchronization

/// Counters of the agent, with labels from closed sets only: never a SPIFFE ID, an issuer or a subject.
final class AgentMetrics: Sendable {
    /// What is asked for when metrics are read.
    struct Gauges: Sendable {
        var isReady = false
        var isClockTrusted = true
        var keyRingVersion = 0
        var rotationFailures = 0
        var policyFailures = 0
        var openStreams = 0
    }

    private struct Counts {
        var issued: [SVIDKind: Int] = [:]
        var refusals: [String: Int] = [:]
    }

    private let counts = Mutex(Counts())

    func count(_ kind: SVIDKind, _ number: Int) {
        counts.withLock { $0.issued[kind, default: 0] += number }
    }

    func count(_ refusal: SVIDRefusal) {
        counts.withLock { $0.refusals[refusal.code, default: 0] += 1 }
    }

    func exposition(_ gauges: Gauges) -> String {
        let counts = counts.withLock { $0 }
        var text = MetricsText()
        text.add("jobsworth_svids_total", "counter", "SVIDs given, by kind.") {
            SVIDKind.allCases.map { ("kind=\"\($0.rawValue)\"", counts.issued[$0] ?? 0) }
        }
        text.add("jobsworth_svid_refusals_total", "counter", "Requests for SVIDs refused, by reason.") {
            SVIDRefusal.codes.map { ("reason=\"\($0)\"", counts.refusals[$0] ?? 0) }
        }
        text.add("jobsworth_workload_streams", "gauge", "Streams of the Workload API that are open.") {
            [("", gauges.openStreams)]
        }
        text.add("jobsworth_ready", "gauge", "1 while SVIDs can be given.") { [("", gauges.isReady ? 1 : 0)] }
        text.add("jobsworth_clock_trusted", "gauge", "0 while the wall clock is in doubt and no SVID is given.") {
            [("", gauges.isClockTrusted ? 1 : 0)]
        }
        text.add("jobsworth_key_ring_version", "gauge", "The version of the key ring in use.") {
            [("", gauges.keyRingVersion)]
        }
        text.add("jobsworth_key_rotation_failures_total", "counter", "Turns of the rotation that failed.") {
            [("", gauges.rotationFailures)]
        }
        text.add("jobsworth_policy_failures_total", "counter", "Agent files that could not be taken over.") {
            [("", gauges.policyFailures)]
        }
        return text.lines
    }
}

extension SVIDRefusal {
    static let codes = [
        "evidence_refused", "evidence_not_trusted", "evidence_expired", "evidence_replayed", "no_identity",
        "issuer_keys_unavailable", "unavailable",
    ]

    /// The stable reason, as metrics and logs have it.
    var code: String {
        switch self {
        case .evidenceRefused: "evidence_refused"
        case .evidenceNotTrusted: "evidence_not_trusted"
        case .evidenceExpired: "evidence_expired"
        case .evidenceReplayed: "evidence_replayed"
        case .noIdentity: "no_identity"
        case .issuerKeysUnavailable: "issuer_keys_unavailable"
        case .unavailable: "unavailable"
        }
    }
}
