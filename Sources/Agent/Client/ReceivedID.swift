import JOSE
import SPIFFE

/// Names in the answers of a Workload API.
enum ReceivedID {
    /// The ID of a workload.
    static func spiffeID(_ text: String) throws(WorkloadAPIAnswerError) -> SPIFFEID {
        guard let id = try? SPIFFEID(parsing: ByteString(text)) else { throw .spiffeIDInvalid }
        return id
    }

    /// The trust domain whose own ID is the key of a bundle.
    static func trustDomain(_ text: String) throws(WorkloadAPIAnswerError) -> TrustDomain {
        guard let id = try? SPIFFEID(parsing: ByteString(text)), id.path.isEmpty else { throw .trustDomainInvalid }
        return id.trustDomain
    }
}
