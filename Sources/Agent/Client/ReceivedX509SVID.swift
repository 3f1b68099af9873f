import Foundation
package import JOSE
package import SPIFFE
import WorkloadAPI

/// An X.509-SVID as a Workload API sent it; nothing of it is verified.
package struct ReceivedX509SVID: Sendable {
    package let id: SPIFFEID
    /// DER, the leaf first.
    package let chain: [[UInt8]]
    /// PKCS#8 in DER.
    package let privateKey: [UInt8]
    /// The CA certificates of the ID's trust domain, DER each.
    package let bundle: [[UInt8]]
    /// Which of several this is, for a person; often empty.
    package let hint: ByteString

    init(_ message: WorkloadAPI.X509SVID) throws(WorkloadAPIAnswerError) {
        id = try ReceivedID.spiffeID(message.spiffeID)
        chain = try ConcatenatedDER.split(message.x509Svid)
        privateKey = Array(message.x509SvidKey)
        bundle = try ConcatenatedDER.split(message.bundle)
        hint = ByteString(message.hint)
        guard !chain.isEmpty, !privateKey.isEmpty, !bundle.isEmpty else { throw .fieldMissing }
    }
}

extension ReceivedX509SVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
