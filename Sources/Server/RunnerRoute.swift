import Issuer
import JOSE

/// What a path of the runner plane names, by its exact bytes.
enum RunnerRoute: Hashable, Sendable {
    case jobs
    case job(JobID)
    case heartbeat(JobID)
    case idToken(JobID)
    /// Where Buildkite's agent asks for a token.
    case agentTokens(JobID)
    case tokenExchange

    /// - Parameter path: the path below the plane's URL. Any other spelling than the plain one names nothing.
    init?(_ path: ByteString) {
        switch path {
        case "/v1/jobs": self = .jobs
        case "/token": self = .tokenExchange
        default:
            let prefix: ByteString = "/v1/jobs/"
            guard path.hasPrefix(prefix) else { return nil }
            let rest = path.bytes.dropFirst(prefix.count)
            guard let id = JobID(rest.prefix { $0 != UInt8(ascii: "/") }) else { return nil }
            switch ByteString(rest.dropFirst(id.text.count)) {
            case "": self = .job(id)
            case "/heartbeat": self = .heartbeat(id)
            case "/id-token": self = .idToken(id)
            case "/oidc/tokens": self = .agentTokens(id)
            default: return nil
            }
        }
    }

    /// The value of `Allow` (RFC 9110 §10.2.1).
    var allowedMethods: String {
        switch self {
        case .jobs: "POST, DELETE"
        case .job: "PATCH, DELETE"
        case .heartbeat: "POST"
        case .idToken: "GET, POST"
        case .agentTokens, .tokenExchange: "POST"
        }
    }
}
