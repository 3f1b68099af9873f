import SwiftASN1
import X509

/// What a path must keep besides RFC 5280: every issuer's key may sign certificates, and the leaf is an SVID's.
///
/// The library's own policy takes key usage for understood and does not look at it.
struct X509SVIDPolicy: VerifierPolicy {
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.subjectAlternativeName, .X509ExtensionID.keyUsage, .X509ExtensionID.extendedKeyUsage,
    ]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) -> PolicyEvaluationResult {
        guard (try? X509SVIDLeaf(chain.leaf)) != nil else {
            return .failsToMeetPolicy(reason: "the leaf is no X.509-SVID")
        }
        guard chain.dropFirst().allSatisfy(Self.mayIssue) else {
            return .failsToMeetPolicy(reason: "an issuer's key is not one that signs certificates")
        }
        return .meetsPolicy
    }

    /// X509-SVID §4.1 and §4.3.
    private static func mayIssue(_ certificate: Certificate) -> Bool {
        guard case .isCertificateAuthority? = try? certificate.extensions.basicConstraints else { return false }
        return (try? certificate.extensions.keyUsage)?.keyCertSign ?? false
    }
}
