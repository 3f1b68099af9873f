import Attestation
import Foundation
import GRPCCore
import JOSE
import Keys
import SPIFFE
import WorkloadAPI

/// The methods of the Workload API, answered by a ``WorkloadAuthority``.
struct WorkloadService: SpiffeWorkloadAPI.ServiceProtocol {
    let authority: any WorkloadAuthority
    let check: JWTSVIDCheck
    /// Whether bundles and validation, which hold nothing secret, are for attested workloads alone.
    let bundlesNeedEvidence: Bool
    let board: ChangeBoard
    let log: WorkloadLog
    let now: @Sendable () -> NumericDate

    func fetchX509SVID(
        request: ServerRequest<X509SVIDRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<X509SVIDResponse> {
        let view = board.view
        let (caller, workload) = try await attested(request.metadata)
        let svids: [SPIFFE.X509SVID]
        do { svids = try await x509SVIDs(for: workload, caller) } catch {
            throw RPCError(error, fetching: "X509-SVID")
        }
        let watch = X509SVIDWatch(service: self, caller: caller, workload: workload, first: svids, view: view)
        return StreamingServerResponse { try await watch.run($0) }
    }

    func fetchX509Bundles(
        request: ServerRequest<X509BundlesRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<X509BundlesResponse> {
        _ = try await caller(request.metadata, needsEvidence: bundlesNeedEvidence)
        return bundleStream { bundle in
            var message = X509BundlesResponse()
            message.bundles[bundle.trustDomain.id.string] = Data(bundle.x509Authorities.joined())
            return message
        }
    }

    func fetchJWTBundles(
        request: ServerRequest<JWTBundlesRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<JWTBundlesResponse> {
        _ = try await caller(request.metadata, needsEvidence: bundlesNeedEvidence)
        return bundleStream { [check] bundle in
            var message = JWTBundlesResponse()
            message.bundles[bundle.trustDomain.id.string] = Data(check.document(bundle))
            return message
        }
    }

    func fetchJWTSVID(
        request: ServerRequest<JWTSVIDRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<JWTSVIDResponse> {
        let audiences = request.message.audience
        guard !audiences.isEmpty, audiences.allSatisfy({ !$0.isEmpty }) else { throw RPCError.audienceMissing }
        guard audiences.count <= 64, audiences.reduce(0, { $0 + $1.utf8.count }) <= 4096 else {
            throw RPCError(code: .invalidArgument, message: "at most 64 audiences of 4096 bytes in all")
        }
        let id = try requestedID(request.message.spiffeID)
        let (caller, workload) = try await attested(request.metadata)
        let svids: [SPIFFE.JWTSVID]
        do {
            svids = try await authority.jwtSVIDs(
                for: workload,
                audiences: audiences.map { ByteString($0) },
                id: id,
                at: now()
            )
        } catch {
            log.refused(error, caller)
            throw RPCError(error, fetching: "JWT-SVID")
        }
        log.issued("jwt", svids.map(\.id), to: caller)
        return ServerResponse(message: JWTSVIDResponse(svids))
    }

    func validateJWTSVID(
        request: ServerRequest<ValidateJWTSVIDRequest>,
        context: ServerContext
    ) async throws -> ServerResponse<ValidateJWTSVIDResponse> {
        let message = request.message
        guard !message.audience.isEmpty else { throw RPCError.audienceMissing }
        guard !message.svid.isEmpty else { throw RPCError(code: .invalidArgument, message: "svid must be specified") }
        _ = try await caller(request.metadata, needsEvidence: bundlesNeedEvidence)
        do {
            let finding = try check.validate(
                ByteString(message.svid),
                ByteString(message.audience),
                authority.trustBundle,
                now()
            )
            return ServerResponse(message: ValidateJWTSVIDResponse(finding))
        } catch {
            throw RPCError(code: .invalidArgument, message: error.reason)
        }
    }

    func fetchWITSVID(
        request: ServerRequest<WITSVIDRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<WITSVIDResponse> {
        throw RPCError.witSVIDsNotOffered
    }

    func fetchWITBundles(
        request: ServerRequest<WITBundlesRequest>,
        context: ServerContext
    ) async throws -> StreamingServerResponse<WITBundlesResponse> {
        throw RPCError.witBundlesNotOffered
    }

    /// Issues, and says so in the log.
    func x509SVIDs(
        for workload: AttestedWorkload,
        _ caller: WorkloadCaller
    ) async throws(SVIDRefusal) -> [SPIFFE.X509SVID] {
        do {
            let svids = try await authority.x509SVIDs(for: workload, at: now())
            log.issued("x509", svids.map(\.id), to: caller)
            return svids
        } catch {
            log.refused(error, caller)
            throw error
        }
    }

    /// A caller with evidence that is good.
    private func attested(_ metadata: Metadata) async throws(RPCError) -> (WorkloadCaller, AttestedWorkload) {
        let caller = try await caller(metadata, needsEvidence: true)
        guard let workload = caller.workload else { throw .noIdentity }
        return (caller, workload)
    }

    /// Who asks; evidence that is there must be good, whether it is needed or not.
    private func caller(_ metadata: Metadata, needsEvidence: Bool) async throws(RPCError) -> WorkloadCaller {
        let peer = PeerMarking.peer(in: metadata)
        guard !board.isClosing else { throw .closing }
        guard let evidence = try WorkloadCaller.evidence(in: metadata) else {
            guard !needsEvidence else { throw .noIdentity }
            return WorkloadCaller(peer: peer, workload: nil)
        }
        do {
            return WorkloadCaller(peer: peer, workload: try await authority.attest(evidence, from: peer, at: now()))
        } catch {
            log.refused(error, WorkloadCaller(peer: peer, workload: nil))
            throw RPCError(error, fetching: "SVID")
        }
    }

    private func requestedID(_ text: String) throws(RPCError) -> SPIFFEID? {
        guard !text.isEmpty else { return nil }
        do { return try SPIFFEID(parsing: ByteString(text)) } catch {
            throw RPCError(code: .invalidArgument, message: "invalid requested SPIFFE ID: \(error.explanation)")
        }
    }

    /// A message now and whenever it is another.
    private func bundleStream<Message: Sendable & Equatable>(
        _ message: @escaping @Sendable (TrustBundle) -> Message
    ) -> StreamingServerResponse<Message> {
        StreamingServerResponse { [board, authority] writer in
            var view = board.view
            var sent = message(authority.trustBundle)
            try await writer.write(sent)
            while true {
                switch await board.wait(after: view, until: nil) {
                case .cancelled: throw RPCError.cancelled
                case .closing: throw RPCError.closing
                case .changed, .due: view = board.view
                }
                let next = message(authority.trustBundle)
                guard next != sent else { continue }
                sent = next
                try await writer.write(next)
            }
        }
    }
}

extension RPCError {
    fileprivate static let audienceMissing = RPCError(code: .invalidArgument, message: "audience must be specified")
    /// Optional, and the answer where it is not offered is this (Workload API §1).
    static let witSVIDsNotOffered = RPCError(
        code: .unimplemented,
        message: "fetching WIT-SVIDs is not implemented"
    )
    static let witBundlesNotOffered = RPCError(
        code: .unimplemented,
        message: "fetching WIT bundles is not implemented"
    )
}

extension SPIFFEIDError {
    fileprivate var explanation: String {
        switch self {
        case .schemeInvalid: "it does not begin with spiffe://"
        case .trustDomainInvalid: "the trust domain is empty, too long or has a character other than a-z 0-9 . - _"
        case .pathInvalid: "a segment of the path is empty, . or .., or has a character other than A-Z a-z 0-9 . - _"
        case .tooLong: "it is longer than 2048 bytes"
        }
    }
}
