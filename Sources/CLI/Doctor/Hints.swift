import Foundation

/// Places that somebody named, in an option, a variable or an argument: a thief would look there first.
struct Hints {
    var brokers: Set<String> = []
    var credentialFiles: Set<String> = []
    var databases: Set<String> = []

    /// Takes what the environment of a process names.
    mutating func take(environment: [String], relativeTo folder: String = "") {
        for entry in environment {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[1].isEmpty else { continue }
            let path = Self.path(parts[1], folder)
            switch parts[0] {
            case "JOBSWORTH_RUNNER_CREDENTIAL_FILE": credentialFiles.insert(path)
            case "JOBSWORTH_RUNNER_BROKER": brokers.insert(path)
            case "JOBSWORTH_STORAGE": take(storage: parts[1], folder)
            default: break
            }
        }
    }

    /// Takes what the arguments of a process name.
    mutating func take(arguments: [String], relativeTo folder: String) {
        let isBroker = arguments.contains("runner") && arguments.contains("broker")
        for (position, argument) in arguments.enumerated() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let following = arguments.dropFirst(position + 1).first ?? ""
            let value = parts.count == 2 ? parts[1] : following
            guard let option = parts.first, !value.isEmpty else { continue }
            switch option {
            case "--credential-file": credentialFiles.insert(Self.path(value, folder))
            case "--broker": brokers.insert(Self.path(value, folder))
            case "--socket" where isBroker: brokers.insert(Self.path(value, folder))
            case "--storage": take(storage: value, folder)
            default: break
            }
        }
    }

    private mutating func take(storage: String, _ folder: String) {
        guard storage.hasPrefix("sqlite:"), storage.utf8.count > 7 else { return }
        databases.insert(Self.path(String(storage.dropFirst(7)), folder))
    }

    private static func path(_ text: String, _ folder: String) -> String {
        text.hasPrefix("/") ? text : folder + text
    }
}
