import Foundation

/// A fresh folder for a job's files of tokens and secrets; it goes when the job ends.
///
/// Where the job has a user of its own, the files are that user's and the folder stays ours: who may rename in it could
/// otherwise lead root's next write elsewhere.
struct JobFolder {
    private let path: String
    private let user: JobUser?

    init(for user: JobUser?) throws {
        let parent = try Self.parent()
        var template = Array("\(parent)/jobsworth-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure.failed("no folder for the job's files can be made in \(parent)")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.user = user
        if user != nil, chmod(path, 0o711) != 0 { throw CommandFailure.failed("\(path) cannot be opened to the job") }
    }

    /// Where nobody else can put another folder in the place of ours.
    private static func parent() throws -> String {
        let asked = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        guard let resolved = realpath(asked, nil) else {
            throw CommandFailure.failed("\(asked) is not there; set TMPDIR")
        }
        defer { free(resolved) }
        let parent = String(cString: resolved)
        if let shared = SafeFolder.firstShared(from: parent, isTaken: true) {
            throw CommandFailure.wrongConfiguration(
                "others may rename in \(shared), where the job's files would lie; set TMPDIR to a folder of this user's"
            )
        }
        return parent
    }

    /// Writes a file that only the job's user can read, whole or not at all, and says where it is.
    @discardableResult
    func write(_ bytes: [UInt8], as name: String) throws -> String {
        let file = path(of: name)
        try PrivateFile.write(bytes, to: file, owner: user.map { ($0.uid, $0.gid) })
        return file
    }

    func path(of name: String) -> String {
        "\(path)/\(name)"
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
