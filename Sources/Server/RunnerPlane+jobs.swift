import Discovery
import Issuer
import JOSE
import Keys
import NIOHTTP1

extension RunnerPlane {
    func register(_ request: PlaneRequest) async throws -> PlaneResponse {
        let runner = try await runner(request, presenting: request.bearerToken())
        try request.requireMediaType("application/json")
        try request.refuseQuery()
        let registered = try await registrar.register(request.body, by: runner, at: request.takenUpAt)
        metrics.countRegistration()
        for named in registered.namedTokens { metrics.countToken(named.token.prepared.algorithm) }
        return .json(document(registered), status: registered.isNew ? .created : .ok)
    }

    func setFacts(of id: JobID, _ request: PlaneRequest) async throws -> PlaneResponse {
        let runner = try await runner(request, presenting: request.bearerToken())
        try request.requireMediaType("application/json")
        try request.refuseQuery()
        let job = try await registrar.setFacts(request.body, of: id, by: runner, at: request.takenUpAt)
        var answer = JSONObject([("id", .string(job.id.text)), ("job", .object(job.facts.document))])
        if try issuer.isWaiting(job, at: request.takenUpAt) { answer["status"] = Self.waiting }
        return .json(answer)
    }

    func heartbeat(of id: JobID, _ request: PlaneRequest) async throws -> PlaneResponse {
        let runner = try await runner(request, presenting: request.bearerToken())
        try request.requireEmptyBody()
        try request.refuseQuery()
        let job = try await registrar.heartbeat(id, by: runner, at: request.takenUpAt)
        var answer = JSONObject([
            ("id", .string(job.id.text)), ("expires_at", .string(job.expiresAt.internetDate)),
        ])
        answer["lease_expires_at"] = job.leaseExpiresAt.map { .string($0.internetDate) }
        return .json(answer)
    }

    /// The runner's credential and the job's own request token may both end the job; neither learns of other jobs.
    func end(_ request: PlaneRequest, _ id: JobID) async throws -> PlaneResponse {
        let token = try request.bearerToken()
        try request.requireEmptyBody()
        try request.refuseQuery()
        let job: Job
        if token.hasPrefix(RequestTokenKey.prefix) {
            job = try await authentication.job(presenting: token)
            guard job.id == id else { throw Refusal(.notFound) }
        } else {
            job = try await registrar.job(id, of: runner(request, presenting: token))
        }
        try await registrar.end(job, at: request.takenUpAt)
        return .noContent
    }

    func end(_ request: PlaneRequest, reference: () throws -> ByteString) async throws -> PlaneResponse {
        let runner = try await runner(request, presenting: request.bearerToken())
        try request.requireEmptyBody()
        let job = try await registrar.job(reference: reference(), of: runner)
        try await registrar.end(job, at: request.takenUpAt)
        return .noContent
    }

    /// The runner whose credential came with the request, from where it may come.
    private func runner(_ request: PlaneRequest, presenting credential: ByteString) async throws -> Runner {
        try await authentication.runner(presenting: credential, from: request.source, at: request.takenUpAt)
    }

    // MARK: - The answer to a registration

    /// The status of a job whose environment is not approved yet, or not waited for; others have none.
    private static let waiting = JSONValue.string("waiting_approval")

    private func document(_ registered: JobRegistrar.Registered) -> JSONObject {
        let job = registered.job
        let tokens = registered.namedTokens.map { ($0.name, JSONValue.string($0.token.compact)) }
        var answer = JSONObject([
            ("id", .string(job.id.text)), ("expires_at", .string(job.expiresAt.internetDate)),
        ])
        if registered.isWaiting { answer["status"] = Self.waiting }
        var environment = JSONObject()
        if job.registration.mayRequestTokens {
            let path = url.value + "/v1/jobs/" + job.id.text + "/id-token"
            let requestURL = JSONValue.string(path + "?api-version=1")
            let requestToken = JSONValue.string(requestTokens.token(for: job.id))
            answer["id_token_request"] = .object(JSONObject([("url", requestURL), ("token", requestToken)]))
            environment["ACTIONS_ID_TOKEN_REQUEST_URL"] = requestURL
            environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = requestToken
            environment["SYSTEM_OIDCREQUESTURI"] = .string(path)
        }
        for (name, token) in tokens { environment[name] = token }
        answer["id_tokens"] = .object(JSONObject(tokens))
        answer["environment"] = .object(environment)
        return answer
    }
}

extension PlaneRequest {
    /// The reference that `DELETE /v1/jobs` names.
    var endReference: () throws -> ByteString {
        {
            let parameters = try parameters()
            try parameters.refuseAllBut(["reference"])
            guard let reference = try parameters.single("reference") else { throw Refusal(.memberMissing, "reference") }
            guard JobRegistration.isReference(reference) else { throw Refusal(.outOfRange, "reference") }
            return reference
        }
    }
}
