import JOSE
package import Keys

extension KeyTransition {
    /// The audit record of this transition.
    package func record(at now: NumericDate) -> AuditRecord {
        AuditRecord(
            at: now,
            operation: verb.operation,
            decision: .permit,
            reason: ByteString(reason.rawValue),
            kid: kid
        )
    }
}

extension KeyTransition.Verb {
    fileprivate var operation: AuditRecord.Operation {
        switch self {
        case .prepare: .keyPrepare
        case .publish: .keyPublish
        case .activate: .keyActivate
        case .retire: .keyRetire
        case .revoke: .keyRevoke
        }
    }
}
