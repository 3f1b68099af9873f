import Foundation
import JOSE

/// How `job start` hands a job its variables, quoted for who reads them.
enum JobOutput {
    /// The issuer's answer as it came.
    case json
    /// `export NAME='value'` for a POSIX shell.
    case shell
    /// `NAME=value` lines.
    case environment
    /// One file a variable, readable by its owner only.
    case folder(String)

    init?(_ text: String) {
        switch text {
        case "json": self = .json
        case "sh": self = .shell
        case "env": self = .environment
        default:
            guard text.hasPrefix("dir:"), text.utf8.count > 4 else { return nil }
            self = .folder(String(text.dropFirst(4)))
        }
    }

    func write(_ job: JSONObject, verbatim: [UInt8]) throws {
        let variables = try job.safeEnvironment()
        switch self {
        case .json: StandardStreams.write(verbatim + [0x0A])
        case .shell: for (name, value) in variables { StandardStreams.print("export \(name)=\(Self.quoted(value))") }
        case .environment: for (name, value) in variables { StandardStreams.print("\(name)=\(value)") }
        case .folder(let path): try Self.writeFiles(variables, path)
        }
    }

    /// One word of a POSIX shell, whatever is in it.
    static func quoted(_ value: String) -> String {
        "'" + value.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }

    private static func writeFiles(_ variables: [(String, String)], _ path: String) throws {
        umask(0o077)
        let folder = try OutputFolder(path)
        for (name, value) in variables { try folder.write(Array(value.utf8), as: name) }
    }
}

extension JSONObject {
    /// The variables of the answer to a registration.
    var rowsOfEnvironment: [(String, String)] {
        guard case .object(let environment)? = self["environment"] else { return [] }
        return environment.members.map { ($0.name.string, environment.shown($0.name)) }
    }

    /// The variables, if each is one that a shell, a file of lines and a folder can hold: an answer is input, too.
    func safeEnvironment() throws -> [(String, String)] {
        let variables = [("JOBSWORTH_JOB_ID", shown("id"))] + rowsOfEnvironment
        for (name, value) in variables {
            guard name.isVariableName, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw CommandFailure.failed(
                    "the issuer's answer names a variable that is none; is this the right issuer?"
                )
            }
        }
        return variables
    }
}
