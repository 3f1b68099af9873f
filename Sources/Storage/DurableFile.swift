import Foundation

/// Files that are whole and on disk under their name, or not there at all.
enum DurableFile {
    /// Writes `bytes` as a new file that only its owner can read; a file of that name is replaced in one step.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let draft = draft(of: path)
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreFileError.system(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard Foundation.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(draft)
            throw StoreFileError.system(path, reason)
        }
        try move(draft, to: path)
    }

    /// Where a file is written before it has its name.
    static func draft(of path: String) -> String {
        path + ".draft"
    }

    static func move(_ draft: String, to path: String) throws {
        guard rename(draft, path) == 0 else {
            throw StoreFileError.system(path, String(cString: strerror(errno)))
        }
        FileOwner.adopt(path)
        syncFolder(of: path)
    }

    /// Makes a new or moved name durable, too.
    static func syncFolder(of path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
