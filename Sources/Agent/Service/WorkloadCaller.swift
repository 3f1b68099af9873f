import Attestation
import GRPCCore
import JOSE

/// Who asks, as far as it is known.
struct WorkloadCaller: Sendable {
    let peer: Peer?
    /// Nil where there was no evidence.
    let workload: AttestedWorkload?

    /// The evidence beside a request.
    ///
    /// Several are refused rather than chosen from.
    static func evidence(in metadata: Metadata) throws(RPCError) -> Evidence? {
        var tokens = metadata[stringValues: WorkloadMetadata.evidence].makeIterator()
        guard let token = tokens.next() else { return nil }
        guard tokens.next() == nil else { throw .noIdentity }
        return Evidence(token: ByteString(token))
    }
}
