import Issuer
import JOSE
import Keys
import NIOHTTP1

extension RunnerPlane {
    /// GitHub's shape: `GET …&audience=A` → `{"count":N,"value":"eyJ…"}`, in this order, for scripts cut it by position.
    func gitHubToken(of id: JobID, _ request: PlaneRequest) async throws -> PlaneResponse {
        let job = try await job(id, request, presenting: request.bearerToken())
        let audience = try await recordingRefusals(for: job, at: request.takenUpAt) {
            try Self.audience(request, besides: ["api-version"])
        }
        guard let audience else {
            throw await recorded(Refusal(.audienceMissing, "audience"), for: job, at: request.takenUpAt)
        }
        let token = try await issue(TokenRequest(audiences: audience), for: job, at: request.takenUpAt)
        return .json(
            JSONObject([("count", .integer(Int64(token.compact.count))), ("value", .string(token.compact))])
        )
    }

    /// Azure Pipelines' shape: `POST` with an empty body → `{"oidcToken":"eyJ…"}`.
    func azureToken(of id: JobID, _ request: PlaneRequest) async throws -> PlaneResponse {
        let job = try await job(id, request, presenting: request.bearerToken())
        let asked = try await recordingRefusals(for: job, at: request.takenUpAt) {
            TokenRequest(
                audiences: try Self.audience(request, besides: ["api-version", "serviceConnectionId"])
                    ?? Audiences(["api://AzureADTokenExchange"]),
                serviceConnection: try Self.serviceConnection(request)
            )
        }
        let token = try await issue(asked, for: job, at: request.takenUpAt)
        return .json(JSONObject([("oidcToken", .string(token.compact))]))
    }

    /// The shape of Buildkite's agent API: a JSON body → `{"token":"eyJ…"}`.
    func agentToken(of id: JobID, _ request: PlaneRequest) async throws -> PlaneResponse {
        let job = try await job(id, request, presenting: request.agentToken())
        try request.requireMediaType("application/json")
        let asked = try await recordingRefusals(for: job, at: request.takenUpAt) {
            try request.refuseQuery()
            return try TokenRequest(agentBody: request.body)
        }
        let token = try await issue(asked, for: job, at: request.takenUpAt)
        return .json(JSONObject([("token", .string(token.compact))]))
    }

    /// Token exchange (RFC 8693): the request token is the subject token.
    func exchange(_ request: PlaneRequest) async throws -> PlaneResponse {
        try request.requireMediaType("application/x-www-form-urlencoded")
        try request.refuseQuery()
        let form = try TokenExchangeForm(parsing: request.body)
        let job = try await authentication.liveJob(presenting: form.subjectToken, at: request.takenUpAt)
        try await admit(job, at: request.takenUpAt)
        let token = try await issue(TokenRequest(audiences: form.audiences), for: job, at: request.takenUpAt)
        return .json(
            JSONObject([
                ("access_token", .string(token.compact)),
                ("issued_token_type", .string(form.requestedTokenType)),
                ("token_type", .string("N_A")),
                (
                    "expires_in",
                    .integer(token.prepared.expiresAt.secondsSinceEpoch - request.takenUpAt.secondsSinceEpoch)
                ),
            ])
        )
    }

    /// The live job of the request token, if the path names it: a foreign and an unknown id are the same 404.
    private func job(_ id: JobID, _ request: PlaneRequest, presenting token: ByteString) async throws -> Job {
        let job = try await authentication.liveJob(presenting: token, at: request.takenUpAt)
        guard job.id == id else { throw Refusal(.notFound) }
        try await admit(job, at: request.takenUpAt)
        return job
    }

    private func admit(_ job: Job, at now: NumericDate) async throws {
        guard !rates.admits(job.id, at: ClockReading.now.sinceBoot) else { return }
        let refusal = Refusal(.rateLimited)
        throw rates.isRecorded(job.id) ? await recorded(refusal, for: job, at: now) : refusal
    }

    private func issue(_ asked: TokenRequest, for job: Job, at now: NumericDate) async throws -> ReleasedToken {
        let token = try await issuer.issue(asked, for: job, at: now)
        metrics.countToken(token.prepared.algorithm)
        return token
    }

    /// The one audience of the query, nil where it names none; the body must be empty.
    private static func audience(_ request: PlaneRequest, besides others: Set<ByteString>) throws -> Audiences? {
        try request.requireEmptyBody()
        let parameters = try request.parameters()
        try parameters.refuseAllBut(others.union(["audience"]))
        return try parameters.single("audience").map { audience throws(Refusal) in try Audiences([audience]) }
    }

    private static func serviceConnection(_ request: PlaneRequest) throws -> ByteString? {
        let name: ByteString = "serviceConnectionId"
        guard let value = try request.parameters().single(name) else { return nil }
        guard (1...255).contains(value.count), value.bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw Refusal(.outOfRange, name)
        }
        return value
    }

    private func recordingRefusals<Value>(
        for job: Job,
        at now: NumericDate,
        _ work: () throws -> Value
    ) async throws -> Value {
        do {
            return try work()
        } catch let refusal as Refusal {
            throw await recorded(refusal, for: job, at: now)
        }
    }

    private func recorded(_ refusal: Refusal, for job: Job, at now: NumericDate) async -> Refusal {
        await issuer.record(refusal, for: job, at: now)
        return refusal
    }
}
