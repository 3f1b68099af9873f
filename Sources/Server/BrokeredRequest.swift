package import Issuer
package import JOSE

/// What a runner may ask of the issuer through the broker: these five requests, and nothing else.
package enum BrokeredRequest: Hashable, Sendable {
    /// `POST /v1/jobs`; the body as the runner gave it.
    case register([UInt8])
    /// `PATCH /v1/jobs/{id}`; the body as the runner gave it.
    case setFacts(JobID, [UInt8])
    /// `POST /v1/jobs/{id}/heartbeat`.
    case heartbeat(JobID)
    /// `DELETE /v1/jobs/{id}`.
    case end(JobID)
    /// `DELETE /v1/jobs?reference=…`.
    case endReference(ByteString)
}
