import Foundation

/// A file of mode 0600 that is there whole or not at all.
enum PrivateFile {
    static func write(_ bytes: [UInt8], to path: String) throws {
        let draft = "\(path).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure.failed("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        let written = Foundation.write(descriptor, bytes, bytes.count)
        close(descriptor)
        guard written == bytes.count, rename(draft, path) == 0 else {
            unlink(draft)
            throw CommandFailure.failed("\(path) cannot be written")
        }
    }
}
