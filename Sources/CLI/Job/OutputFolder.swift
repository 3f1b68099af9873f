import CoreFoundation
import Foundation

/// The folder that `job start` writes a job's variables to: ours, and opened once, so that nobody leads a write elsewhere.
struct OutputFolder: ~Copyable {
    private let path: String
    private let descriptor: Int32

    /// Opens the folder, and makes it where there is none.
    init(_ path: String) throws {
        descriptor = try Self.opened(path)
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    /// Writes a file that only its owner can read, whole or not at all.
    func write(_ bytes: [UInt8], as name: String) throws {
        let draft = "\(name).\(getpid()).new"
        let file = openat(descriptor, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw CommandFailure.failed("\(path)/\(name) cannot be written: \(String(cString: strerror(errno)))")
        }
        let written = Foundation.write(file, bytes, bytes.count)
        close(file)
        guard written == bytes.count, renameat(descriptor, draft, descriptor, name) == 0 else {
            unlinkat(descriptor, draft, 0)
            throw CommandFailure.failed("\(path)/\(name) cannot be written")
        }
    }

    private static func opened(_ path: String) throws -> Int32 {
        let last = withoutTail(path)
        do {
            try FileManager.default.createDirectory(
                atPath: last,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw CommandFailure.failed("\(path) cannot be made")
        }
        let descriptor = open(last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure.failed("\(path) must be a folder, not a link to one, that can be opened")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            close(descriptor)
            throw CommandFailure.failed(
                "\(path) must belong to this user, and others must not write in it; give a folder that is not there yet"
            )
        }
        return descriptor
    }

    /// The path without what would have the system follow a link at its end: `/` and `/.`.
    private static func withoutTail(_ path: String) -> String {
        var path = Substring(path)
        while path.utf8.count > 1, path.hasSuffix("/") || path.hasSuffix("/.") { path.removeLast() }
        return String(path)
    }
}
