import Attestation
import JOSE
import Keys
import SPIFFE
import Synchronization

/// An authority whose evidence is a word and whose certificates are numbers: everything around them is real.
final class CannedAuthority: WorkloadAuthority {
    private struct State {
        var bundle: TrustBundle
        var serial: UInt8 = 0
        var refusal: SVIDRefusal?
        var policy: Int64 = 0
        var bundles: [AsyncStream<TrustBundle>.Continuation] = []
        var policies: [AsyncStream<Int64>.Continuation] = []
    }

    static let trustDomain = "example.org"
    /// The workload that presents `good`.
    static let id = "spiffe://example.org/ci/repo/acme_2Fwidgets"

    /// When evidence expires.
    let evidenceExpiresAt: NumericDate
    /// How long an SVID lives, in seconds.
    let lifetime: Int64
    private let state: Mutex<State>

    init(evidenceExpiresAt: Int64 = 100_000, lifetime: Int64 = 3600) throws {
        self.evidenceExpiresAt = NumericDate(secondsSinceEpoch: evidenceExpiresAt)
        self.lifetime = lifetime
        state = Mutex(State(bundle: try Self.bundle(1)))
    }

    static func bundle(_ number: UInt8) throws -> TrustBundle {
        TrustBundle(
            trustDomain: try TrustDomain(ByteString(trustDomain)),
            x509Authorities: [certificate(number)],
            jwtAuthorities: JWKSet([]),
            sequence: Int64(number)
        )
    }

    /// A SEQUENCE of one INTEGER.
    static func certificate(_ number: UInt8) -> [UInt8] { [0x30, 0x03, 0x02, 0x01, number] }

    var trustBundle: TrustBundle { state.withLock { $0.bundle } }

    /// From now on nothing is issued, for this reason.
    func refuse(_ refusal: SVIDRefusal?) {
        state.withLock { $0.refusal = refusal }
    }

    func publish(_ bundle: TrustBundle) {
        let continuations = state.withLock { state in
            state.bundle = bundle
            return state.bundles
        }
        for continuation in continuations { continuation.yield(bundle) }
    }

    func changePolicy() {
        let (revision, continuations) = state.withLock { state in
            state.policy += 1
            return (state.policy, state.policies)
        }
        for continuation in continuations { continuation.yield(revision) }
    }

    func attest(
        _ evidence: Evidence,
        from peer: Peer?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> AttestedWorkload {
        // Of a whole token, the part where a signature would be.
        let word = evidence.token.bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).last ?? []
        switch ByteString(word) {
        case "good": break
        case "late":
            return AttestedWorkload(claims: JSONObject(), expiresAt: evidenceExpiresAt.advanced(bySeconds: 5000))
        case "away": throw .issuerKeysUnavailable
        case "stranger": throw .evidenceNotTrusted
        default: throw .evidenceRefused(.signatureInvalid)
        }
        let claims = JSONObject([("iss", .string("https://ci.example")), ("sub", .string("job"))])
        return AttestedWorkload(claims: claims, expiresAt: evidenceExpiresAt)
    }

    func x509SVIDs(
        for workload: AttestedWorkload,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> [SPIFFE.X509SVID] {
        let (serial, refusal) = state.withLock { state in
            state.serial &+= 1
            return (state.serial, state.refusal)
        }
        if let refusal { throw refusal }
        return [
            SPIFFE.X509SVID(
                id: try Self.parsedID(),
                chain: [Self.certificate(serial), Self.certificate(0)],
                privateKey: [0x30, 0x00],
                validFrom: now,
                expiresAt: now.advanced(bySeconds: lifetime)
            )
        ]
    }

    func jwtSVIDs(
        for workload: AttestedWorkload,
        audiences: [ByteString],
        id: SPIFFEID?,
        at now: NumericDate
    ) async throws(SVIDRefusal) -> [SPIFFE.JWTSVID] {
        if let refusal = state.withLock({ $0.refusal }) { throw refusal }
        let own = try Self.parsedID()
        guard id == nil || id == own else { throw .noIdentity(about: "another's") }
        let compact = ByteString("header." + audiences.map(\.string).joined(separator: ",") + ".signature")
        return [SPIFFE.JWTSVID(id: own, compact: compact, expiresAt: now.advanced(bySeconds: 300))]
    }

    func trustBundles() -> AsyncStream<TrustBundle> {
        AsyncStream { continuation in state.withLock { $0.bundles.append(continuation) } }
    }

    func policyChanges() -> AsyncStream<Int64> {
        AsyncStream { continuation in state.withLock { $0.policies.append(continuation) } }
    }

    private static func parsedID() throws(SVIDRefusal) -> SPIFFEID {
        guard let id = try? SPIFFEID(parsing: ByteString(id)) else { throw .unavailable }
        return id
    }
}
