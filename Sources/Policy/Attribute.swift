package import JOSE

/// What a rule may match on and a template may name: a closed list, so that neither reaches anything but the job.
package enum Attribute: Hashable, Sendable {
    case fact(FactName)
    /// The name of the runner that registered the job.
    case runner
    /// `true` where the code comes from another repository, else `false`.
    case fork
    /// `true` where somebody asks for a merge, else `false`.
    case pullRequest
    /// The connection that Azure's clients name in a request (`serviceConnectionId`).
    case serviceConnection

    package init?(_ name: ByteString) {
        switch name {
        case "runner": self = .runner
        case "fork": self = .fork
        case "pull_request": self = .pullRequest
        case "service_connection": self = .serviceConnection
        default:
            guard let fact = FactName(rawValue: name.string) else { return nil }
            self = .fact(fact)
        }
    }

    package var name: ByteString {
        switch self {
        case .fact(let fact): fact.claimName
        case .runner: "runner"
        case .fork: "fork"
        case .pullRequest: "pull_request"
        case .serviceConnection: "service_connection"
        }
    }

    /// Whether it says who the job is, and not only how the request came: what a subject or claim may be made of.
    package var isIdentity: Bool {
        switch self {
        case .fact, .runner: true
        case .fork, .pullRequest, .serviceConnection: false
        }
    }
}
