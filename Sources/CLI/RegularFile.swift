import CoreFoundation
import Foundation

/// A file that is none but a file: a pipe in its place would keep who opens it waiting.
enum RegularFile {
    /// At most the first `limit` bytes; nil where it cannot be read.
    static func read(_ path: String, limit: Int) -> Data? {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return try? handle.read(upToCount: limit) ?? Data()
    }
}
