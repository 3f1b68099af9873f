import Attestation
import JOSE
import Keys
import SPIFFE

/// The issuer of SVIDs, standing still while clock or keys are in doubt, with every outcome counted.
struct GuardedAuthority: WorkloadAuthority {
    let issuer: SVIDIssuer
    let metrics: AgentMetrics
    /// Whether what is signed now would be dated right, with a key that the ring still has.
    let maySign: @Sendable () -> Bool

    func attest(
        _ evidence: Evidence,
        from peer: Peer?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> AttestedWorkload {
        try await counting { () async throws(SVIDRefusal) in try await issuer.attest(evidence, from: peer, at: now) }
    }

    func x509SVIDs(for workload: AttestedWorkload, at now: NumericDate) async throws(SVIDRefusal) -> [X509SVID] {
        let svids = try await counting { () async throws(SVIDRefusal) in
            guard maySign() else { throw .unavailable }
            return try await issuer.x509SVIDs(for: workload, at: now)
        }
        metrics.count(.x509, svids.count)
        return svids
    }

    func jwtSVIDs(
        for workload: AttestedWorkload,
        audiences: [ByteString],
        id: SPIFFEID?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> [JWTSVID] {
        let svids = try await counting { () async throws(SVIDRefusal) in
            guard maySign() else { throw .unavailable }
            return try await issuer.jwtSVIDs(for: workload, audiences: audiences, id: id, at: now)
        }
        metrics.count(.jwt, svids.count)
        return svids
    }

    var trustBundle: TrustBundle {
        issuer.trustBundle
    }

    func trustBundles() -> AsyncStream<TrustBundle> {
        issuer.trustBundles()
    }

    func policyChanges() -> AsyncStream<Int64> {
        issuer.policyChanges()
    }

    private func counting<Value>(
        _ work: () async throws(SVIDRefusal) -> Value
    ) async throws(SVIDRefusal) -> Value {
        do throws(SVIDRefusal) {
            return try await work()
        } catch {
            metrics.count(error)
            throw error
        }
    }
}
