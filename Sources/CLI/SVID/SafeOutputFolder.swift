import Foundation

/// A folder for keys, opened once, in which nobody else can put one file in the place of another.
///
/// Drafts of files, flushed to the disk, are renamed into place: a reader sees the old file or the new one.
final class SafeOutputFolder: Sendable {
    let path: String
    /// The path without links.
    let resolved: String
    let descriptor: Int32

    /// A file to be.
    struct File {
        let name: String
        let bytes: [UInt8]
        let mode: FileMode
    }

    /// Opens a folder that is there.
    init(_ path: String) throws {
        guard let text = realpath(path, nil) else {
            throw CommandFailure.wrongConfiguration("the folder \(path) is not there; make it first")
        }
        defer { free(text) }
        resolved = String(cString: text)
        // The folder may be sticky: what we put there stays ours.
        if let shared = SafeFolder.firstShared(from: resolved, isTaken: true) {
            throw CommandFailure.wrongConfiguration(
                "others may rename what is in \(shared), and so put another key in the place of this one; "
                    + "choose a folder that only this user or root can write in"
            )
        }
        descriptor = open(resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure.wrongConfiguration("\(path) is not a folder that can be opened")
        }
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    /// Keeps other helpers out for as long as this one lives; the lock goes with the process, however it ends.
    func claim() throws {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw CommandFailure.failed("another helper keeps files in \(path); give this one a folder of its own")
        }
    }

    /// Writes all drafts, and only then puts each in its place.
    func write(_ files: [File]) throws {
        var drafts: [(draft: String, name: String)] = []
        defer { for (draft, _) in drafts { unlinkat(descriptor, draft, 0) } }
        for file in files {
            let draft = ".\(file.name).\(getpid()).new"
            drafts.append((draft, file.name))
            try Self.create(draft, file, in: descriptor, shownAs: "\(path)/\(file.name)")
        }
        for (draft, name) in drafts where renameat(descriptor, draft, descriptor, name) != 0 {
            throw Self.failure("\(path)/\(name)")
        }
        fsync(descriptor)
    }

    /// Makes a file, whole and on the disk; one that a dead process of the same id left is taken away first.
    static func create(_ draft: String, _ file: File, in folder: Int32, shownAs shown: String) throws {
        unlinkat(folder, draft, 0)
        let descriptor = openat(folder, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(shown) }
        defer { close(descriptor) }
        guard writeAll(file.bytes, to: descriptor), fchmod(descriptor, file.mode.bits) == 0, fsync(descriptor) == 0
        else {
            throw failure(shown)
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    static func failure(_ path: String) -> CommandFailure {
        .failed("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}
