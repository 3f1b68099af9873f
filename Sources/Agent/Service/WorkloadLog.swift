import Attestation
import JOSE
import Logging
import SPIFFE

/// What is said about requests: who asked and what became of it, never the evidence.
struct WorkloadLog: Sendable {
    let logger: Logger

    func issued(_ kind: String, _ ids: [SPIFFEID], to caller: WorkloadCaller) {
        var metadata = facts(of: caller)
        metadata["svid.kind"] = "\(kind)"
        metadata["spiffe.id"] = "\(ids.map(\.text.string).joined(separator: " "))"
        logger.info("SVID issued", metadata: metadata)
    }

    func refused(_ refusal: SVIDRefusal, _ caller: WorkloadCaller) {
        var metadata = facts(of: caller)
        metadata["error.code"] = "\(refusal.reason)"
        let level: Logger.Level = refusal.isTemporary ? .warning : .info
        logger.log(level: level, "workload refused", metadata: metadata)
    }

    private func facts(of caller: WorkloadCaller) -> Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        if let peer = caller.peer {
            metadata["peer.uid"] = "\(peer.uid)"
            metadata["peer.pid"] = "\(peer.pid)"
        }
        // Verified: what a refused token says of itself is not worth a line.
        guard let claims = caller.workload?.claims else { return metadata }
        for (claim, key) in [("iss", "issuer"), ("sub", "subject"), ("jti", "jti")] {
            guard let value = claims[ByteString(claim)]?.stringValue else { continue }
            metadata[key] = "\(ByteString(value.bytes.prefix(256)).string)"
        }
        return metadata
    }
}
