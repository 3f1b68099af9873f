import Agent
import GRPCCore
import JOSE

extension CommandFailure {
    /// What a failed call of a Workload API means to who made it, on one line.
    static func of(_ error: any Error, at endpoint: WorkloadEndpoint) -> CommandFailure {
        switch error {
        case let failure as CommandFailure: failure
        case WorkloadAPIError.status(let code, let message): .failed(sentence(code, shown(message), endpoint.text))
        case WorkloadAPIError.answerInvalid(let fault): .failed("\(endpoint.text) \(sentence(fault))")
        case WorkloadAPIError.evidenceInvalid:
            .failed("the job's token cannot be sent: it is one line of printable ASCII, at most 15 KiB")
        default: .failed("\(endpoint.text) cannot be asked; is it the agent's socket?")
        }
    }

    private static func sentence(_ code: RPCError.Code, _ message: String, _ endpoint: String) -> String {
        switch code {
        case .permissionDenied:
            "the agent gives this job no identity: \(message); is a fresh token of the job given, and does a policy name it?"
        case .unavailable:
            "the agent cannot answer now: \(message); is it running, and does it reach the issuer of the job's token?"
        case .invalidArgument: "the agent refuses the request: \(message)"
        case .unimplemented: "\(endpoint) has no Workload API, or not this part of it: \(message)"
        case .deadlineExceeded:
            "no answer from \(endpoint) in time; is it the agent's socket? --timeout gives it longer"
        case .resourceExhausted: "the agent has too much to do: \(message); try again later"
        default: "\(endpoint) failed with \(code): \(message)"
        }
    }

    private static func sentence(_ fault: WorkloadAPIAnswerError) -> String {
        switch fault {
        case .empty: "answered without an SVID"
        case .spiffeIDInvalid: "named an SVID by what is no SPIFFE ID"
        case .trustDomainInvalid: "named a bundle by what is no trust domain"
        case .certificatesInvalid: "sent certificates that are none"
        case .fieldMissing: "left out what an SVID must have"
        case .streamEmpty: "ended its answer before it began"
        }
    }

    private static func shown(_ message: String) -> String {
        message.isEmpty ? "no reason given" : ByteString(message).shownPlainly
    }
}
