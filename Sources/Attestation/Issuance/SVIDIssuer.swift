package import JOSE
package import Keys
package import SPIFFE
private import Synchronization

/// Gives attested workloads the SVIDs that the policy has for them: signed, recorded, and only then released.
package final class SVIDIssuer: Sendable {
    private let attestation: TokenAttestation
    private let terms: SVIDTerms
    private let log: any SVIDLog
    private let policy: Mutex<AgentPolicy>
    private let keys: Mutex<SVIDKeys>
    private let bundle: Broadcast<TrustBundle>
    private let policyVersion = Broadcast<Int64>(0)
    private let renewal = Mutex<(@Sendable (Int64) async -> Void)?>(nil)
    private let noteShortened: @Sendable (SPIFFEID, SVIDKind, SVIDLifetime) -> Void

    /// `noteShortened` hears of each SVID whose life is shorter than its policy says.
    package init(
        attestation: TokenAttestation,
        policy: AgentPolicy,
        terms: SVIDTerms,
        keys: SVIDKeys,
        log: any SVIDLog,
        noteShortened: @escaping @Sendable (SPIFFEID, SVIDKind, SVIDLifetime) -> Void = { _, _, _ in }
    ) {
        self.attestation = attestation
        self.policy = Mutex(policy)
        self.terms = terms
        self.keys = Mutex(keys)
        self.log = log
        self.noteShortened = noteShortened
        bundle = Broadcast(keys.bundle)
    }

    /// The keys that sign, and the bundle that verifies, from now on.
    package func use(_ next: SVIDKeys) {
        keys.withLock { $0 = next }
        if next.bundle != bundle.value { bundle.send(next.bundle) }
    }

    /// The policy that decides from now on.
    package func use(_ next: AgentPolicy) {
        policy.withLock { $0 = next }
        policyVersion.send(policyVersion.value + 1)
    }

    /// Who brings newer keys than those of a version of the ring; an SVID whose key was withdrawn waits for it.
    package func renewKeys(by renew: @escaping @Sendable (_ version: Int64) async -> Void) {
        renewal.withLock { $0 = renew }
    }

    /// A key that stopped signing between signature and record is a matter of moments: the next one signs again.
    private static let maximumAttempts = 5

    /// What `make` makes of the keys, once its record stands.
    private func recorded<SVID>(
        _ make: (SVIDKeys) throws(SVIDRefusal) -> (SVID, SVIDRecord)
    ) async throws(SVIDRefusal) -> SVID {
        for _ in 0..<Self.maximumAttempts {
            let keys = keys.withLock { $0 }
            let (svid, record) = try make(keys)
            if try await log.record(record) { return svid }
            await renewal.withLock { $0 }?(keys.version)
        }
        throw .unavailable
    }

    private func plan(for workload: AttestedWorkload) throws(SVIDRefusal) -> SVIDPlan {
        let policy = policy.withLock { $0 }
        // An open stream was attested by the policy of its beginning.
        guard policy.issuers.stillTrust(workload) else { throw .evidenceNotTrusted }
        guard let issuance = policy.issuance else {
            throw .noIdentity(about: "there is no SVIDIssuancePolicy")
        }
        return try issuance.plan(for: workload)
    }

    private func lifetime(
        of kind: SVIDKind,
        _ plan: SVIDPlan,
        _ workload: AttestedWorkload,
        at now: NumericDate
    ) throws(SVIDRefusal) -> SVIDLifetime {
        let lifetime = try terms.lifetime(of: kind, plan, for: workload, at: now)
        if lifetime.isShortened { noteShortened(plan.id, kind, lifetime) }
        return lifetime
    }
}

extension SVIDIssuer: WorkloadAuthority {
    package func attest(
        _ evidence: Evidence,
        from peer: Peer?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> AttestedWorkload {
        let trusted = policy.withLock { $0.issuers }
        return try await attestation.attest(evidence, trusting: trusted, at: now).presented(by: peer)
    }

    package func x509SVIDs(
        for workload: AttestedWorkload,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> [X509SVID] {
        let plan = try plan(for: workload)
        let subject = try Self.subject(of: plan)
        let lifetime = try lifetime(of: .x509, plan, workload, at: now)
        let svid = try await recorded { keys throws(SVIDRefusal) in
            var generator = SystemRandomNumberGenerator()
            do throws(X509AuthorityError) {
                let svid = try keys.authority.svid(
                    for: plan.id,
                    subject: subject,
                    lifetime: .seconds(lifetime.seconds),
                    at: now,
                    using: &generator
                )
                return (svid, SVIDRecord(of: svid, signedBy: keys.authority.kid, for: workload, at: now))
            } catch {
                throw .unavailable
            }
        }
        return [svid]
    }

    package func jwtSVIDs(
        for workload: AttestedWorkload,
        audiences: [ByteString],
        id: SPIFFEID?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> [JWTSVID] {
        let plan = try plan(for: workload)
        if let id, id != plan.id { throw .noIdentity(about: "another identity was asked for") }
        let claims = try plan.additionalClaims()
        let lifetime = try lifetime(of: .jwt, plan, workload, at: now)
        let svid = try await recorded { keys throws(SVIDRefusal) in
            let prepared = try prepared(plan.id, audiences, claims, lifetime, at: now)
            guard let svid = try? prepared.signed(by: keys.tokenSigner.key, kid: keys.tokenSigner.kid) else {
                throw .unavailable
            }
            let record = SVIDRecord(
                of: svid,
                jti: prepared.jti,
                audiences: audiences,
                signedBy: keys.tokenSigner.kid,
                for: workload,
                at: now
            )
            return (svid, record)
        }
        return [svid]
    }

    package var trustBundle: TrustBundle {
        bundle.value
    }

    package func trustBundles() -> AsyncStream<TrustBundle> {
        bundle.values()
    }

    package func policyChanges() -> AsyncStream<Int64> {
        policyVersion.values()
    }

    private func prepared(
        _ id: SPIFFEID,
        _ audiences: [ByteString],
        _ claims: [(ByteString, JSONValue)],
        _ lifetime: SVIDLifetime,
        at now: NumericDate
    ) throws(SVIDRefusal) -> PreparedJWTSVID {
        var generator = SystemRandomNumberGenerator()
        do throws(JWTSVIDProblem) {
            return try PreparedJWTSVID(
                id: id,
                audiences: audiences,
                jti: Self.jti(using: &generator),
                issuedAt: now,
                expiresAt: now.advanced(bySeconds: lifetime.seconds),
                issuer: terms.jwtIssuer,
                claims: JSONObject(claims)
            )
        } catch {
            throw .noIdentity(about: "no JWT-SVID can be made of this")
        }
    }

    /// 128 random bits.
    private static func jti(using generator: inout some RandomNumberGenerator) -> ByteString {
        let bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return ByteString(Base64URL.encode(bytes))
    }

    private static func subject(of plan: SVIDPlan) throws(SVIDRefusal) -> SubjectName? {
        guard let text = try plan.subject() else { return nil }
        do throws(SubjectNameError) {
            return try SubjectName(parsing: text)
        } catch {
            throw .noIdentity(about: "this is no subject: " + text)
        }
    }
}
