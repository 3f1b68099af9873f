import Foundation

/// A file that is being written beside the one it will replace.
///
/// It always has the same name, so that drafts do not gather where runs are killed, and its writer holds a lock on it,
/// so that two runs at once do not write into one draft: a draft that nobody holds was left by the dead and is removed.
struct FileDraft: ~Copyable {
    private let target: String
    private let name: String
    private let path: String
    private let descriptor: Int32

    /// Waits for another run, up to ten seconds unless `attempts` says otherwise.
    init(of target: String, in folder: borrowing OpenFolder, attempts: Int = 200) async throws(PublicationError) {
        self.target = target
        name = ".\(target).draft"
        path = folder.path + "/" + name
        for _ in 0..<attempts {
            if let opened = try Self.create(name, path, in: folder) {
                descriptor = opened
                return
            }
            try Self.removeAbandoned(name, path, in: folder)
            try? await Task.sleep(for: .milliseconds(50))
        }
        throw .busy(path)
    }

    deinit {
        close(descriptor)
    }

    /// Nil where a draft is there already, or was taken from us before we held it.
    ///
    /// O_EXCL makes a file or nothing: a link under this name, wherever it leads, is never followed.
    private static func create(
        _ name: String,
        _ path: String,
        in folder: borrowing OpenFolder
    ) throws(PublicationError) -> Int32? {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let opened = openat(folder.descriptor, name, flags, 0o600)
        guard opened >= 0 else {
            if errno == EEXIST { return nil }
            throw .system(path, errno: errno)
        }
        var isOurs = false
        defer { if !isOurs { close(opened) } }
        isOurs = try isHeld(opened, name, path, in: folder)
        return isOurs ? opened : nil
    }

    private static func removeAbandoned(
        _ name: String,
        _ path: String,
        in folder: borrowing OpenFolder
    ) throws(PublicationError) {
        let opened = openat(folder.descriptor, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard opened >= 0 else {
            if errno == ENOENT { return }
            throw folder.failure(errno, path)
        }
        defer { close(opened) }
        var status = stat()
        guard fstat(opened, &status) == 0 else { throw .system(path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notPlain(path) }
        guard status.st_uid == geteuid() else { throw .foreignOwner(path) }
        if try isHeld(opened, name, path, in: folder) { unlinkat(folder.descriptor, name, 0) }
    }

    /// Whether the lock is ours and the name still means this file: then nobody else will touch it.
    private static func isHeld(
        _ opened: Int32,
        _ name: String,
        _ path: String,
        in folder: borrowing OpenFolder
    ) throws(PublicationError) -> Bool {
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK { return false }
            throw .system(path, errno: errno)
        }
        var ours = stat()
        var named = stat()
        return fstat(opened, &ours) == 0 && fstatat(folder.descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0
            && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev
    }

    /// From one instant to the next a reader finds these bytes instead of the former; where that fails, the former.
    consuming func replaceTarget(with bytes: [UInt8], in folder: borrowing OpenFolder) throws(PublicationError) {
        do throws(PublicationError) {
            try fill(with: bytes)
            try moveToTarget(in: folder)
        } catch {
            unlinkat(folder.descriptor, name, 0)
            throw error
        }
        try folder.synchronise()
    }

    /// All bytes, readable by everyone, on the disk.
    private borrowing func fill(with bytes: [UInt8]) throws(PublicationError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 || errno == EINTR else { throw .system(path, errno: errno) }
            rest = rest.dropFirst(max(0, written))
        }
        guard fchmod(descriptor, 0o644) == 0, fsync(descriptor) == 0 else { throw .system(path, errno: errno) }
    }

    private borrowing func moveToTarget(in folder: borrowing OpenFolder) throws(PublicationError) {
        var status = stat()
        if fstatat(folder.descriptor, target, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            // To rename over a link would quietly undo what somebody arranged.
            guard status.st_mode & S_IFMT == S_IFREG else { throw .notPlain(folder.path + "/" + target) }
        }
        guard renameat(folder.descriptor, name, folder.descriptor, target) == 0 else {
            throw .system(folder.path + "/" + target, errno: errno)
        }
    }
}
