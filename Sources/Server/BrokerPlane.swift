import Issuer
import JOSE
import Keys
package import Logging
import NIOHTTP1

/// The runner plane as the broker offers it on its Unix socket: what a runner needs, for the users that it is for.
///
/// No header of the request goes on to the issuer, and none of the issuer's comes back.
package struct BrokerPlane: Plane {
    /// Brings a request to the issuer with the runner's credential; throws where no answer comes.
    package typealias Forward = @Sendable (BrokeredRequest) async throws -> BrokeredAnswer

    private let jobs: BrokeredJobs
    private let forward: Forward
    private let logger: Logger

    package init(jobs: BrokeredJobs, logger: Logger, forward: @escaping Forward) {
        self.jobs = jobs
        self.logger = logger
        self.forward = forward
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        guard let uid = request.peer, let route = RunnerRoute(request.path), let methods = route.brokeredMethods else {
            return ErrorResponse.response(to: .pathNotFound)
        }
        do {
            guard let brokered = try request.brokered(route) else {
                return ErrorResponse.methodNotAllowed(allowed: methods)
            }
            return try await answer(brokered, for: uid, at: request.takenUpAt)
        } catch let fault as RequestFault {
            return ErrorResponse.response(to: fault)
        } catch let refusal as Refusal {
            return ErrorResponse.response(to: refusal, at: .jobs)
        } catch {
            return ErrorResponse.response(to: .issuerUnreachable)
        }
    }

    private func answer(
        _ request: BrokeredRequest,
        for uid: UInt32,
        at now: NumericDate
    ) async throws -> PlaneResponse {
        guard jobs.permits(request, by: uid) else { throw Refusal(.notFound) }
        guard case .register(let body) = request else {
            let answer = try await forward(request)
            if answer.status == 204 { jobs.forget(request) }
            return answer.response
        }
        return try await register(body, for: uid, at: now)
    }

    /// The reference is taken before the registration goes on: the job may be there long before the answer is.
    private func register(_ body: [UInt8], for uid: UInt32, at now: NumericDate) async throws -> PlaneResponse {
        guard jobs.hasRoom(at: now) else { throw RequestFault.overloaded }
        let reference = Self.reference(in: body)
        switch jobs.begin(reference, of: uid, at: now) {
        case .mayGoOn: break
        case .isUnderWay: throw RequestFault.overloaded
        case .isAnothers: throw conflict(uid)
        }
        let answer: BrokeredAnswer
        do {
            answer = try await forward(.register(body))
        } catch {
            jobs.lose(reference, of: uid)
            throw error
        }
        guard (200..<300).contains(answer.status) else {
            if answer.status < 500 { jobs.drop(reference, of: uid) } else { jobs.lose(reference, of: uid) }
            return answer.response
        }
        guard let id = answer.jobID else {
            jobs.lose(reference, of: uid)
            throw RequestFault.issuerUnreachable
        }
        guard jobs.note(id, reference: reference, of: uid, isNew: answer.status == 201, at: now) else {
            throw conflict(uid)
        }
        return answer.response
    }

    private func conflict(_ uid: UInt32) -> Refusal {
        logger.warning("a job of another user was asked for by its reference", metadata: ["peer.uid": "\(uid)"])
        return Refusal(.referenceConflict)
    }

    /// The reference that a registration gives its job; what cannot be read the issuer refuses.
    private static func reference(in body: [UInt8]) -> ByteString? {
        guard case .string(let text)? = (try? JSONBody.object(body))?["reference"] else { return nil }
        return JobRegistration.isReference(text) ? text : nil
    }
}

extension RunnerRoute {
    /// The methods that the broker takes (RFC 9110 §10.2.1); nil for what is no runner's business.
    fileprivate var brokeredMethods: String? {
        switch self {
        case .jobs, .job, .heartbeat: allowedMethods
        case .idToken, .agentTokens, .tokenExchange: nil
        }
    }
}

extension PlaneRequest {
    /// The request as it goes on; nil for a method that the route does not have.
    fileprivate func brokered(_ route: RunnerRoute) throws -> BrokeredRequest? {
        switch (route, method) {
        case (.jobs, .POST):
            try requirePlainJSON()
            return .register(body)
        case (.job(let id), .PATCH):
            try requirePlainJSON()
            return .setFacts(id, body)
        case (.heartbeat(let id), .POST):
            try requireNothing()
            return .heartbeat(id)
        case (.job(let id), .DELETE):
            try requireNothing()
            return .end(id)
        case (.jobs, .DELETE):
            try requireEmptyBody()
            return .endReference(try endReference())
        default: return nil
        }
    }

    private func requirePlainJSON() throws {
        try requireMediaType("application/json")
        try refuseQuery()
    }

    private func requireNothing() throws {
        try requireEmptyBody()
        try refuseQuery()
    }
}
