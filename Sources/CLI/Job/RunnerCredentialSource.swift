import CoreFoundation
import Foundation

/// Where the runner's credential comes from, in the order in which ``RunnerConnection`` looks.
enum RunnerCredentialSource {
    case descriptor(Int32)
    case file(String)
    case standardInput
    /// A broker holds it, which registers jobs for whoever may speak to it.
    case broker
    /// There is none.
    case nothing

    init(_ options: RunnerOptions, standardInputIsTaken: Bool) {
        let environment = ProcessInfo.processInfo.environment
        if (options.broker ?? environment["JOBSWORTH_RUNNER_BROKER"]) != nil {
            self = .broker
        } else if let descriptor = options.credentialFd {
            self = .descriptor(descriptor)
        } else if let path = options.credentialFile ?? environment["JOBSWORTH_RUNNER_CREDENTIAL_FILE"] {
            self = .file(path)
        } else {
            self = standardInputIsTaken ? .nothing : .standardInput
        }
    }

    /// The owner and mode of the file that holds it; nil where it lies in none.
    var file: stat? {
        var status = stat()
        let answer =
            switch self {
            case .descriptor(let descriptor): fstat(descriptor, &status)
            case .file(let path): stat(path, &status)
            case .standardInput: fstat(0, &status)
            case .broker, .nothing: -1 as Int32
            }
        guard answer == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return status
    }

    /// Ends this process's own hold of what the credential was read from, so that no child can read it again.
    func relinquish() {
        switch self {
        case .descriptor(let descriptor) where descriptor > 2: close(descriptor)
        case .descriptor(let descriptor): Self.replace(descriptor)
        case .standardInput: Self.replace(0)
        case .file, .broker, .nothing: break
        }
    }

    private static func replace(_ descriptor: Int32) {
        let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard nothing >= 0 else { return _ = close(descriptor) }
        dup2(nothing, descriptor)
        close(nothing)
    }
}
