import CLinux
import Foundation

/// A command to start: what, with which environment, as whom.
struct ChildCommand: Sendable {
    let arguments: [String]
    /// `NAME=value`, as bytes.
    let environment: [[UInt8]]
    /// Where a command without a slash is looked for.
    let searchPath: String
    let user: (uid: uid_t, gid: gid_t, groups: [gid_t])?
    let leadsGroup: Bool

    /// Why a command could not be started.
    enum Failure: Error {
        case notFound
        case notExecutable(Int32)
        case userRefused(Int32)
        case noProcess(Int32)
    }

    /// Starts it; the calling thread has to wait for its end.
    func spawn() throws(Failure) -> pid_t {
        let candidates = CStrings(candidates.map { Array($0.utf8) })
        let arguments = CStrings(arguments.map { Array($0.utf8) })
        let environment = CStrings(environment)
        defer { for strings in [candidates, arguments, environment] { strings.free() } }
        var pid: pid_t = 0
        var step: Int32 = 0
        let error = (user?.groups ?? []).withUnsafeBufferPointer { groups in
            var command = jobsworth_command()
            command.candidates = UnsafeRawPointer(candidates.pointer).assumingMemoryBound(
                to: UnsafePointer<CChar>?.self
            )
            command.arguments = UnsafePointer(arguments.pointer)
            command.environment = UnsafePointer(environment.pointer)
            command.changes_user = user == nil ? 0 : 1
            command.uid = user?.uid ?? 0
            command.gid = user?.gid ?? 0
            command.groups = groups.baseAddress
            command.group_count = groups.count
            command.leads_group = leadsGroup ? 1 : 0
            return jobsworth_spawn(&command, &pid, &step)
        }
        guard error != 0 else { return pid }
        switch UInt32(step) {
        case JOBSWORTH_SPAWN_EXECUTE.rawValue: throw error == ENOENT ? .notFound : .notExecutable(error)
        case JOBSWORTH_SPAWN_USER.rawValue: throw .userRefused(error)
        default: throw .noProcess(error)
        }
    }

    private var candidates: [String] {
        guard let name = arguments.first, !name.isEmpty else { return [] }
        guard !name.contains("/") else { return [name] }
        return searchPath.split(separator: ":", omittingEmptySubsequences: false).map { folder in
            folder.isEmpty ? "./\(name)" : "\(folder)/\(name)"
        }
    }
}

/// An array of C strings that ends with NULL, as execve takes it.
private struct CStrings {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ texts: [[UInt8]]) {
        count = texts.count
        pointer = .allocate(capacity: texts.count + 1)
        pointer.initialize(repeating: nil, count: texts.count + 1)
        for (index, text) in texts.enumerated() {
            pointer[index] = (text + [0]).withUnsafeBytes { bytes in
                bytes.baseAddress.flatMap { strdup($0.assumingMemoryBound(to: CChar.self)) }
            }
        }
    }

    func free() {
        for index in 0..<count { Foundation.free(pointer[index]) }
        pointer.deallocate()
    }
}
