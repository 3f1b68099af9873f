import JOSE
import Keys

extension AuditRecord {
    /// The bytes of ``document``, for a token written without the tree: one record leaves with each token.
    package var serialized: [UInt8] {
        guard svid == nil, decision == .permit else { return document.serialized }
        var writer = RecordWriter()
        writer.begin("at", at.internetDate)
        writer.add("operation", ByteString(operation.rawValue))
        writer.add("decision", ByteString(decision.rawValue))
        writer.add("reason", reason)
        writer.add("runner", runner)
        writer.add("job", job?.text)
        writer.add("repository", repository)
        writer.add("subject", subject)
        writer.add("audience", audiences)
        writer.add("jti", jti)
        writer.add("kid", kid)
        writer.add("exp", expiresAt?.secondsSinceEpoch)
        writer.add("source", source)
        writer.add("approver", approver)
        writer.add("peer_uid", peerUID.map { Int64($0) })
        writer.add("rule", rules)
        return writer.finish()
    }
}
