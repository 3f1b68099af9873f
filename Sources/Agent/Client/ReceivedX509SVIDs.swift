package import SPIFFE
import WorkloadAPI

/// All X.509-SVIDs of the caller at one time; what a later message lacks is no longer theirs.
package struct ReceivedX509SVIDs: Sendable {
    /// At least one; the first is the default identity.
    package let svids: [ReceivedX509SVID]
    /// CA certificates in DER by foreign trust domain.
    package let federatedBundles: [TrustDomain: [[UInt8]]]

    init(_ message: X509SVIDResponse) throws(WorkloadAPIAnswerError) {
        var svids: [ReceivedX509SVID] = []
        for svid in message.svids { svids.append(try ReceivedX509SVID(svid)) }
        guard !svids.isEmpty else { throw .empty }
        self.svids = svids
        federatedBundles = try ReceivedX509Bundles.read(message.federatedBundles)
    }
}
