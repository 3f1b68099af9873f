import Attestation
import GRPCCore
import JOSE
import Keys
import SPIFFE
import WorkloadAPI

/// One open `FetchX509SVID`: all SVIDs at once, then again at each change (Workload API §4.3).
struct X509SVIDWatch: Sendable {
    let service: WorkloadService
    let caller: WorkloadCaller
    let workload: AttestedWorkload
    /// What the first answer was made of.
    let first: [SPIFFE.X509SVID]
    let view: ChangeBoard.View

    func run(_ writer: RPCWriter<X509SVIDResponse>) async throws -> Metadata {
        var view = view
        var svids = first
        var dueAt = dueTime(of: svids)
        var sent = service.authority.trustBundle.x509Authorities
        try await writer.write(message(svids, sent))
        while true {
            let wake = await service.board.wait(after: view, until: dueAt.secondsSinceEpoch)
            let seen = service.board.view
            let isWithdrawn = isWithdrawn(svids)
            let isRenewal = wake == .due || wake == .changed && (isWithdrawn || seen.policy != view.policy)
            switch wake {
            case .cancelled: throw RPCError.cancelled
            case .closing: throw RPCError.closing
            case .changed, .due: break
            }
            if isRenewal {
                guard let renewed = try await renew(svids) else {
                    // What is still valid stays; the policy, if that is what changed, is asked again with the next try.
                    view.revision = seen.revision
                    dueAt = service.now().advanced(bySeconds: RenewalTime.retrySeconds)
                    continue
                }
                svids = renewed
                dueAt = dueTime(of: svids)
            }
            view = seen
            let authorities = service.authority.trustBundle.x509Authorities
            guard isRenewal || authorities != sent else { continue }
            sent = authorities
            try await writer.write(message(svids, authorities))
        }
    }

    /// New SVIDs; nil where there are none for the moment and the old ones hold.
    private func renew(_ old: [SPIFFE.X509SVID]) async throws(RPCError) -> [SPIFFE.X509SVID]? {
        let now = service.now()
        guard now < workload.expiresAt else {
            service.log.refused(.evidenceExpired, caller)
            throw .noIdentity
        }
        do {
            return try await service.x509SVIDs(for: workload, caller)
        } catch {
            let isValid = old.allSatisfy { now < $0.expiresAt }
            guard error.isTemporary, isValid else { throw RPCError(error, fetching: "X509-SVID") }
            return nil
        }
    }

    /// Whether the bundle no longer has who signed them: nobody would believe them.
    private func isWithdrawn(_ svids: [SPIFFE.X509SVID]) -> Bool {
        let authorities = service.authority.trustBundle.x509Authorities
        return svids.contains { !$0.authority.isEmpty && !authorities.contains($0.authority) }
    }

    private func dueTime(of svids: [SPIFFE.X509SVID]) -> NumericDate {
        var generator = SystemRandomNumberGenerator()
        return RenewalTime.next(for: svids, at: service.now(), using: &generator)
    }

    private func message(_ svids: [SPIFFE.X509SVID], _ authorities: [[UInt8]]) -> X509SVIDResponse {
        var message = X509SVIDResponse()
        message.svids = svids.map { svid in
            var part = WorkloadAPI.X509SVID()
            part.spiffeID = svid.id.text.string
            part.x509Svid = .init(svid.chain.joined())
            part.x509SvidKey = .init(svid.privateKey)
            part.bundle = .init(authorities.joined())
            return part
        }
        return message
    }
}
