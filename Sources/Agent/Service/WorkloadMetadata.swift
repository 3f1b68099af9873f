import Attestation
import GRPCCore
import JOSE

/// The names of what goes beside a request of the Workload API.
enum WorkloadMetadata {
    /// What every request carries, with the value `true` (Workload Endpoint §3): a browser cannot send it unasked.
    static let security = "workload.spiffe.io"
    /// Where a job's token goes, raw.
    static let evidence = "identity-exchange-token"
    /// The longest token that fits the 16 KiB of a header list, with room for the other names.
    static let maximumEvidenceBytes = 15_360

    /// What a client sends.
    static func request(with evidence: Evidence?) throws(WorkloadAPIError) -> Metadata {
        var metadata: Metadata = [security: "true"]
        guard let evidence else { return metadata }
        let token = evidence.token
        guard (1...maximumEvidenceBytes).contains(token.count), token.bytes.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .evidenceInvalid }
        metadata.addString(token.string, forKey: Self.evidence)
        return metadata
    }
}
