package import SPIFFE
import WorkloadAPI

/// The JWK Set of each trust domain at one time, as it was sent.
package struct ReceivedJWTBundles: Hashable, Sendable {
    /// JSON by trust domain.
    package let documents: [TrustDomain: [UInt8]]

    init(_ message: JWTBundlesResponse) throws(WorkloadAPIAnswerError) {
        var read: [TrustDomain: [UInt8]] = [:]
        for (name, document) in message.bundles { read[try ReceivedID.trustDomain(name)] = Array(document) }
        documents = read
    }
}
