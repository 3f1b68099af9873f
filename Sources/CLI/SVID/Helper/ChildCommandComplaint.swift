import Foundation

/// Why a command could not be started, for a person, and the exit code that shells give it.
enum ChildCommandComplaint {
    static func text(_ error: any Error, _ name: String) -> String {
        switch error {
        case let failure as CommandFailure: failure.message
        case ChildCommand.Failure.notFound: "\(name): there is no such command"
        case ChildCommand.Failure.notExecutable(let reason):
            "\(name) cannot be run: \(String(cString: strerror(reason)))"
        case ChildCommand.Failure.userRefused(let reason), ChildCommand.Failure.noProcess(let reason):
            "no process could be started: \(String(cString: strerror(reason)))"
        default: "\(name) was not started"
        }
    }

    static func code(_ error: any Error) -> Int32 {
        switch error {
        case let interruption as ChildProcess.Interrupted: 128 + interruption.signal
        case let failure as CommandFailure: failure.code
        case ChildCommand.Failure.notFound: 127
        case ChildCommand.Failure.notExecutable: 126
        default: 1
        }
    }
}
