import Foundation

/// The file of a Unix socket that we bound, and not one that another process put there since.
struct BoundSocketFile: Sendable, Equatable {
    private let path: String
    private let device: UInt64
    private let inode: UInt64
    /// When it was made: the number of an inode is soon another's.
    private let seconds: Int
    private let nanoseconds: Int

    /// Nil where there is no file at the path.
    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    func remove() {
        if BoundSocketFile(path) == self { unlink(path) }
    }
}
