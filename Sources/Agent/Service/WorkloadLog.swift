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
        metadata["error.code"] = "\(Self.shown(ByteString(refusal.reason)))"
        let level: Logger.Level = refusal.isTemporary ? .warning : .info
        logger.log(level: level, "workload refused", metadata: metadata)
    }

    /// A text from outside as one word of ASCII: it can neither begin a line nor pose as another fact.
    private static func shown(_ text: ByteString) -> String {
        let escaped = JSONValue.string(ByteString(text.bytes.prefix(256))).serialized
        return String(decoding: escaped.dropFirst().dropLast(), as: UTF8.self)
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
            metadata[key] = "\(Self.shown(value))"
        }
        return metadata
    }
}
