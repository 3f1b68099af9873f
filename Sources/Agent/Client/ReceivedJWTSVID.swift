package import JOSE
package import SPIFFE
import WorkloadAPI

/// A JWT-SVID as a Workload API sent it; nothing of it is verified.
package struct ReceivedJWTSVID: Sendable {
    package let id: SPIFFEID
    /// The compact serialisation.
    package let compact: ByteString
    /// Which of several this is, for a person; often empty.
    package let hint: ByteString

    init(_ message: WorkloadAPI.JWTSVID) throws(WorkloadAPIAnswerError) {
        id = try ReceivedID.spiffeID(message.spiffeID)
        compact = ByteString(message.svid)
        hint = ByteString(message.hint)
        guard !compact.isEmpty else { throw .fieldMissing }
    }
}

extension ReceivedJWTSVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
