import Agent
import Foundation
import JOSE
import Keys
import SPIFFE
import SwiftASN1
@_spi(FixedExpiryValidationTime) import X509

/// Whether an X.509-SVID that came over the Workload API works: what is written to files must.
struct X509SVIDCheck {
    /// Where it is in time.
    let now: NumericDate

    func require(_ svid: ReceivedX509SVID) async throws(X509SVIDFault) {
        try await require(id: svid.id, chain: svid.chain, privateKey: svid.privateKey, bundle: svid.bundle)
    }

    func require(id: SPIFFEID, chain: [[UInt8]], privateKey: [UInt8], bundle: [[UInt8]]) async throws(X509SVIDFault) {
        let chain = try Self.certificates(chain)
        let authorities = try Self.certificates(bundle)
        guard let leaf = chain.first, !id.path.isEmpty else { throw .idOfAnother }
        try Self.requireKey(privateKey, of: leaf)
        try Self.requireID(id, of: leaf)
        try Self.requireNoAuthority(leaf)
        let instant = Date(timeIntervalSince1970: Double(now.secondsSinceEpoch))
        guard leaf.notValidBefore <= instant, instant <= leaf.notValidAfter else { throw .outOfTime }
        var verifier = Verifier(rootCertificates: CertificateStore(authorities)) {
            RFC5280Policy(fixedExpiryValidationTime: instant)
            NamedByURI()
        }
        let result = await verifier.validate(leaf: leaf, intermediates: CertificateStore(chain.dropFirst()))
        guard case .validCertificate = result else { throw .notOfBundle }
    }

    private static func certificates(_ list: [[UInt8]]) throws(X509SVIDFault) -> [Certificate] {
        do { return try list.map { try Certificate(derEncoded: $0) } } catch { throw .malformed }
    }

    private static func requireKey(_ der: [UInt8], of leaf: Certificate) throws(X509SVIDFault) {
        let text = String(decoding: PEMText.privateKey(der), as: UTF8.self)
        guard let key = try? Certificate.PrivateKey(pemEncoded: text) else { throw .malformed }
        guard key.publicKey == leaf.publicKey else { throw .keyOfAnother }
    }

    private static func requireID(_ id: SPIFFEID, of leaf: Certificate) throws(X509SVIDFault) {
        guard let names = try? leaf.extensions.subjectAlternativeNames else { throw .idOfAnother }
        let uris = names.compactMap { name in
            if case .uniformResourceIdentifier(let uri) = name { Array(uri.utf8) } else { nil as [UInt8]? }
        }
        guard uris == [id.text.bytes] else { throw .idOfAnother }
    }

    private static func requireNoAuthority(_ leaf: Certificate) throws(X509SVIDFault) {
        do {
            if case .isCertificateAuthority? = try leaf.extensions.basicConstraints { throw X509SVIDFault.isAuthority }
            guard let usage = try leaf.extensions.keyUsage else { return }
            if usage.keyCertSign || usage.cRLSign { throw X509SVIDFault.isAuthority }
        } catch let fault as X509SVIDFault {
            throw fault
        } catch {
            throw .malformed
        }
    }
}

/// Says that the name in a certificate is looked at, which it is here: it is critical where there is no subject.
private struct NamedByURI: VerifierPolicy {
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [.X509ExtensionID.subjectAlternativeName]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        .meetsPolicy
    }
}
