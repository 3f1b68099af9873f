package import JOSE
package import Keys
package import SPIFFE

/// Who attests workloads and gives them SVIDs: all that the Workload API's socket needs to know.
package protocol WorkloadAuthority: Sendable {
    /// Who presents this evidence; `peer` is the process that does, for the log alone.
    func attest(
        _ evidence: Evidence,
        from peer: Peer?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> AttestedWorkload

    /// The workload's X.509-SVIDs, each with a new key, recorded before they are answered; at least one.
    func x509SVIDs(for workload: AttestedWorkload, at now: NumericDate) async throws(SVIDRefusal) -> [X509SVID]

    /// The workload's JWT-SVIDs for `audiences`, recorded before they are answered; `id` asks for one identity alone.
    func jwtSVIDs(
        for workload: AttestedWorkload,
        audiences: [ByteString],
        id: SPIFFEID?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> [JWTSVID]

    /// The trust domain's public keys as they are now.
    var trustBundle: TrustBundle { get }

    /// The bundle now, and after each change.
    func trustBundles() -> AsyncStream<TrustBundle>

    /// Rises with each change of policy or trusted issuers: what was issued before may no longer be what is due.
    func policyChanges() -> AsyncStream<Int64>
}
