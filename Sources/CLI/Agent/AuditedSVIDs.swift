import Attestation
import Issuer
import JOSE
import SPIFFE

/// Writes down in the audit log which SVIDs are given.
struct AuditedSVIDs: SVIDLog {
    let auditLog: any AuditLog

    func record(_ record: SVIDRecord) async throws(SVIDRefusal) -> Bool {
        do throws(StoreError) {
            return try await auditLog.commit(svids: [AuditRecord(record)]) == nil
        } catch {
            throw .unavailable
        }
    }
}

extension AuditRecord {
    fileprivate init(_ record: SVIDRecord) {
        let isToken = record.kind == .jwt
        self.init(
            at: record.at,
            operation: .svid,
            decision: .permit,
            reason: "ok",
            subject: record.id.text,
            audiences: record.audiences,
            jti: isToken ? record.serial : nil,
            kid: record.kid,
            expiresAt: record.expiresAt,
            peerUID: record.peer?.uid,
            svid: AuditedSVID(
                isToken ? .jwt : .x509,
                serial: isToken ? nil : record.serial,
                evidenceIssuer: record.evidence.issuer,
                evidenceSubject: record.evidence.subject,
                evidenceID: record.evidence.jti,
                peerPID: record.peer?.pid
            )
        )
    }
}
