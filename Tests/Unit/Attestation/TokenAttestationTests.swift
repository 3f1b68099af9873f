import JOSE
import Keys
import Synchronization
import Testing

@testable import Attestation

@Suite struct TokenAttestationTests {
    /// Two answers: the known keys, and those after a look; it counts the looks.
    private final class Source: VerificationKeySource {
        let known: JWKSet
        let newer: JWKSet?
        let looks = Mutex(0)

        init(known: JWKSet, newer: JWKSet?) {
            self.known = known
            self.newer = newer
        }

        func keys(of issuer: TrustedIssuer, at now: NumericDate) async throws(SVIDRefusal) -> JWKSet { known }

        func newerKeys(of issuer: TrustedIssuer, at now: NumericDate) async throws(SVIDRefusal) -> JWKSet {
            looks.withLock { $0 += 1 }
            guard let newer else { throw .issuerKeysUnavailable }
            return newer
        }
    }

    private func refusal(
        _ attestation: TokenAttestation,
        _ evidence: Evidence,
        _ issuer: TrustedIssuer = Samples.issuer(),
        at now: NumericDate = Samples.now
    ) async -> SVIDRefusal? {
        do throws(SVIDRefusal) {
            _ = try await attestation.attest(evidence, trusting: TrustedIssuers([issuer]), at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a key that is not known yet is looked for once`() async throws {
        let source = Source(known: JWKSet([]), newer: try Samples.keys())
        #expect(await refusal(TokenAttestation(keys: source), try Samples.evidence()) == nil)
        #expect(source.looks.withLock { $0 } == 1)
    }

    @Test func `a known key makes nobody look, and neither does a token that is refused for itself`() async throws {
        let source = Source(known: try Samples.keys(), newer: nil)
        let attestation = TokenAttestation(keys: source)
        #expect(await refusal(attestation, try Samples.evidence()) == nil)
        let expired = try Samples.evidence(
            header: { $0["kid"] = "new" },
            claims: { $0["exp"] = .integer(Samples.now.secondsSinceEpoch - 60) }
        )
        #expect(await refusal(attestation, expired) == .evidenceRefused(.expired))
        #expect(source.looks.withLock { $0 } == 0)
    }

    @Test func `where nobody can look it is the keys that are missing, not the token that is bad`() async throws {
        let attestation = TokenAttestation(keys: Source(known: JWKSet([]), newer: nil))
        #expect(await refusal(attestation, try Samples.evidence()) == .issuerKeysUnavailable)
    }

    @Test func `with replay refused a token serves for a minute and then never again`() async throws {
        let attestation = TokenAttestation(keys: Source(known: try Samples.keys(), newer: nil))
        let issuer = Samples.issuer(refusesReplay: true)
        let evidence = try Samples.evidence()
        #expect(await refusal(attestation, evidence, issuer) == nil)
        #expect(await refusal(attestation, evidence, issuer, at: Samples.now.advanced(bySeconds: 59)) == nil)
        #expect(
            await refusal(attestation, evidence, issuer, at: Samples.now.advanced(bySeconds: 60)) == .evidenceReplayed
        )
        let resigned = try Samples.evidence(key: try Samples.rs256.get())
        #expect(
            await refusal(attestation, resigned, issuer, at: Samples.now.advanced(bySeconds: 60)) == .evidenceReplayed
        )
        let next = try Samples.evidence(claims: { $0["jti"] = "two" })
        #expect(await refusal(attestation, next, issuer, at: Samples.now.advanced(bySeconds: 60)) == nil)
    }

    @Test func `with replay refused a token without a name of its own is refused`() async throws {
        let attestation = TokenAttestation(keys: Source(known: try Samples.keys(), newer: nil))
        for value: JSONValue? in [nil, "", .integer(1), .string(ByteString(String(repeating: "a", count: 257)))] {
            let evidence = try Samples.evidence(claims: { $0["jti"] = value })
            #expect(await refusal(attestation, evidence, Samples.issuer(refusesReplay: true)) == .evidenceNotTrusted)
            #expect(await refusal(attestation, evidence) == nil)
        }
    }

    @Test func `used tokens are bounded, and forgotten only when they are refused anyway`() {
        var used = UsedEvidence(capacity: 2)
        let end = Samples.now.advanced(bySeconds: 100)
        #expect(used.use("a", of: "i", acceptedUntil: end, at: Samples.now) == .mayBeUsed)
        #expect(used.use("a", of: "j", acceptedUntil: end, at: Samples.now) == .mayBeUsed)
        #expect(used.use("b", of: "i", acceptedUntil: end, at: Samples.now) == .isFull)
        #expect(used.use("a", of: "i", acceptedUntil: end, at: end.advanced(bySeconds: -1)) == .wasUsed)
        #expect(used.use("b", of: "i", acceptedUntil: end.advanced(bySeconds: 9), at: end) == .mayBeUsed)
    }
}
