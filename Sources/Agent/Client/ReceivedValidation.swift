package import JOSE
package import SPIFFE
import WorkloadAPI

/// What a Workload API found in a JWT-SVID that is valid.
package struct ReceivedValidation: Hashable, Sendable {
    package let id: SPIFFEID
    /// By name: a protobuf Struct keeps no order, and its numbers are doubles.
    package let claims: JSONObject

    init(_ message: ValidateJWTSVIDResponse) throws(WorkloadAPIAnswerError) {
        id = try ReceivedID.spiffeID(message.spiffeID)
        claims = StructClaims.object(message.claims)
    }
}
