import CoreFoundation
import Foundation
import NIOCore
import NIOPosix
import Server

/// The file of a Unix socket that a server of ours listens on.
enum SocketFile {
    /// Removes the socket that a dead process left; anything else at the path is refused.
    static func makeRoom(at path: String, option: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw CommandFailure.wrongConfiguration("\(path) exists and is not a socket; choose another \(option)")
        }
        guard !isAnswered(path) else {
            throw CommandFailure.failed("\(path) is the socket of another running jobsworth; choose another \(option)")
        }
        unlink(path)
    }

    /// Refuses a folder in which others could put a socket of theirs in the place of ours, or rename what leads there.
    static func requireSafeFolder(of path: String) throws {
        let parent = (path as NSString).deletingLastPathComponent
        guard let resolved = realpath(parent.isEmpty ? "." : parent, nil) else {
            throw CommandFailure.wrongConfiguration("the folder of \(path) is not there; make it first")
        }
        defer { free(resolved) }
        guard let shared = SafeFolder.firstShared(from: String(cString: resolved), isTaken: false) else { return }
        throw CommandFailure.wrongConfiguration(
            "others may write in \(shared), and so put another socket in the place of this one; "
                + "choose a folder that only its owner or root can write in"
        )
    }

    /// Whether somebody listens there and lets us connect.
    static func isAnswered(_ path: String) -> Bool {
        let probe = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: UnixSocketPath.short(path))
        guard let channel = try? probe.wait() else { return false }
        try? channel.close().wait()
        return true
    }
}
