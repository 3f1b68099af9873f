import JOSE
package import Keys
import Synchronization

/// Attests who presents a token, with the keys that its issuer publishes.
///
/// One for the life of the agent: the issuers may change between two calls, what was used stays known.
package final class TokenAttestation: Sendable {
    private let source: any VerificationKeySource
    private let used = Mutex(UsedEvidence())

    /// The most bytes of a `jti` that is remembered.
    private static let maximumIDBytes = 256

    package init(keys source: any VerificationKeySource) {
        self.source = source
    }

    /// Who presents this evidence; a `kid` that is not known makes us look once more for its issuer's keys.
    package func attest(
        _ evidence: Evidence,
        trusting issuers: TrustedIssuers,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> AttestedWorkload {
        let attestor = TokenAttestor(issuers)
        let examined = try attestor.examine(evidence, at: now)
        let workload = try await verify(examined, attestor, at: now)
        try noteUse(by: workload, of: examined.issuer, at: now)
        return workload
    }

    private func verify(
        _ evidence: UnverifiedEvidence,
        _ attestor: TokenAttestor,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> AttestedWorkload {
        let keys = try await source.keys(of: evidence.issuer, at: now)
        do throws(SVIDRefusal) {
            return try attestor.attest(evidence, with: keys, at: now)
        } catch .evidenceRefused(.unknownKey) {
            let newer = try await source.newerKeys(of: evidence.issuer, at: now)
            return try attestor.attest(evidence, with: newer, at: now)
        }
    }

    private func noteUse(
        by workload: AttestedWorkload,
        of issuer: TrustedIssuer,
        at now: NumericDate
    ) throws(SVIDRefusal) {
        guard issuer.refusesReplay else { return }
        guard let id = workload.claims["jti"]?.stringValue, (1...Self.maximumIDBytes).contains(id.count) else {
            throw .evidenceNotTrusted
        }
        let acceptedUntil = workload.expiresAt.advanced(bySeconds: issuer.clockSkew)
        let verdict = used.withLock { $0.use(id, of: issuer.name, acceptedUntil: acceptedUntil, at: now) }
        switch verdict {
        case .mayBeUsed: return
        case .wasUsed: throw .evidenceReplayed
        case .isFull: throw .unavailable
        }
    }
}
