import Issuer
import JOSE
import Keys
import NIOHTTP1

extension RunnerPlane {
    /// GitHub's shape: `GET …&audience=A` → `{"count":N,"value":"eyJ…"}`, in this order, for scripts cut it by position.
    func gitHubToken(of id: JobID, _ request: PlaneRequest) async throws -> PlaneResponse {
        let job = try await job(id, request)
        let audience = try await recordingRefusals(for: job, at: request.takenUpAt) {
            try Self.audience(request, besides: ["api-version"])
        }
        guard let audience else {
            throw await recorded(Refusal(.audienceMissing, "audience"), for: job, at: request.takenUpAt)
        }
        let token = try await issue(audience, for: job, at: request.takenUpAt)
        return .json(
            JSONObject([("count", .integer(Int64(token.compact.count))), ("value", .string(token.compact))])
        )
    }

    /// Azure Pipelines' shape: `POST` with an empty body → `{"oidcToken":"eyJ…"}`.
    func azureToken(of id: JobID, _ request: PlaneRequest) async throws -> PlaneResponse {
        let job = try await job(id, request)
        let audience = try await recordingRefusals(for: job, at: request.takenUpAt) {
            try Self.audience(request, besides: ["api-version", "serviceConnectionId"])
        }
        let token = try await issue(
            audience ?? Audiences(["api://AzureADTokenExchange"]),
            for: job,
            at: request.takenUpAt
        )
        return .json(JSONObject([("oidcToken", .string(token.compact))]))
    }

    /// Token exchange (RFC 8693): the request token is the subject token.
    func exchange(_ request: PlaneRequest) async throws -> PlaneResponse {
        try request.requireMediaType("application/x-www-form-urlencoded")
        try request.refuseQuery()
        let form = try TokenExchangeForm(parsing: request.body)
        let job = try await authentication.liveJob(presenting: form.subjectToken, at: request.takenUpAt)
        let token = try await issue(form.audiences, for: job, at: request.takenUpAt)
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
    private func job(_ id: JobID, _ request: PlaneRequest) async throws -> Job {
        let job = try await authentication.liveJob(presenting: request.bearerToken(), at: request.takenUpAt)
        guard job.id == id else { throw Refusal(.notFound) }
        return job
    }

    private func issue(
        _ audiences: Audiences,
        for job: Job,
        at now: NumericDate
    ) async throws -> ReleasedToken {
        let token = try await issuer.issue(TokenRequest(audiences: audiences), for: job, at: now)
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
