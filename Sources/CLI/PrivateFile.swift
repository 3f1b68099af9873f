import CoreFoundation
import Foundation

/// A file of mode 0600: written whole or not at all, and read only if nobody else can.
enum PrivateFile {
    /// The first `limit` bytes of a file of ours.
    static func read(_ path: String, limit: Int) throws -> [UInt8] {
        // A pipe without a writer would keep us waiting.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandFailure.wrongConfiguration("\(path) cannot be read") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(handle.fileDescriptor, &status) == 0, status.st_mode & 0o077 == 0 else {
            throw CommandFailure.wrongConfiguration("\(path) can be read by others; run: chmod 600 \(path)")
        }
        do {
            return Array(try handle.read(upToCount: limit) ?? Data())
        } catch {
            throw CommandFailure.wrongConfiguration("\(path) cannot be read")
        }
    }

    static func write(_ bytes: [UInt8], to path: String, owner: (uid: uid_t, gid: gid_t)? = nil) throws {
        let draft = "\(path).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure.failed("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        let written = Foundation.write(descriptor, bytes, bytes.count)
        let isOwned = owner.map { fchown(descriptor, $0.uid, $0.gid) == 0 } ?? true
        close(descriptor)
        guard written == bytes.count, isOwned, rename(draft, path) == 0 else {
            unlink(draft)
            throw CommandFailure.failed("\(path) cannot be written")
        }
    }
}
