/// What ends a command without success: one message that says what and how to mend it, and the exit code.
struct CommandFailure: Error {
    let message: String
    let code: Int32
    /// The issuer's reason, where it was the issuer that refused.
    var reason: String?

    /// Refused or failed.
    static func failed(_ message: String) -> CommandFailure {
        CommandFailure(message: message, code: 1)
    }

    static func wrongUsage(_ message: String) -> CommandFailure {
        CommandFailure(message: message, code: 64)
    }

    static func wrongConfiguration(_ message: String) -> CommandFailure {
        CommandFailure(message: message, code: 78)
    }
}
