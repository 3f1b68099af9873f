import Agent

extension WorkloadSocketError {
    /// The command's end: what is wrong with the path is configuration, what the kernel or another process does is not.
    var failure: CommandFailure {
        switch self {
        case .pathTooLong, .notASocket: .wrongConfiguration(explanation)
        case .inUse, .refused: .failed(explanation)
        }
    }
}
