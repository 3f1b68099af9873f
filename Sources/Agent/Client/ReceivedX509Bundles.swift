import Foundation
package import SPIFFE
import WorkloadAPI

/// The CA certificates of each trust domain at one time.
package struct ReceivedX509Bundles: Hashable, Sendable {
    /// DER each.
    package let authorities: [TrustDomain: [[UInt8]]]

    init(_ message: X509BundlesResponse) throws(WorkloadAPIAnswerError) {
        authorities = try Self.read(message.bundles)
    }

    static func read(_ bundles: [String: Data]) throws(WorkloadAPIAnswerError) -> [TrustDomain: [[UInt8]]] {
        var read: [TrustDomain: [[UInt8]]] = [:]
        for (name, certificates) in bundles {
            read[try ReceivedID.trustDomain(name)] = try ConcatenatedDER.split(certificates)
        }
        return read
    }
}
