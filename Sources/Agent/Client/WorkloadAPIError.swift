package import GRPCCore

/// Why a call of a Workload API came to nothing.
package enum WorkloadAPIError: Error, Hashable, Sendable {
    /// The server, or the way to it, answered with this status; the message is the server's, not ours.
    case status(RPCError.Code, message: String)
    /// The server answered something that the Workload API does not allow.
    case answerInvalid(WorkloadAPIAnswerError)
    /// The evidence cannot be sent: it is empty, has bytes other than printable ASCII, or is too long.
    case evidenceInvalid

    /// What any error of a call means.
    init(_ error: any Error) {
        switch error {
        case let error as WorkloadAPIError: self = error
        case let error as WorkloadAPIAnswerError: self = .answerInvalid(error)
        case let error as RPCError: self = .status(error.code, message: error.message)
        case is CancellationError: self = .status(.cancelled, message: "cancelled")
        default: self = .status(.unavailable, message: "the Workload API could not be reached")
        }
    }
}
