import Foundation
import NIOCore
import NIOPosix
import Server

/// The place of the admin socket in the file system.
enum AdminSocket {
    /// Removes the socket that a dead process left; anything else at the path is refused.
    static func makeRoom(at path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw CommandFailure.wrongConfiguration("\(path) exists and is not a socket; choose another --admin")
        }
        guard !isAnswered(path) else {
            throw CommandFailure.failed(
                "\(path) is the admin socket of another running jobsworth; choose another --admin"
            )
        }
        unlink(path)
    }

    private static func isAnswered(_ path: String) -> Bool {
        let probe = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: UnixSocketPath.short(path))
        guard let channel = try? probe.wait() else { return false }
        try? channel.close().wait()
        return true
    }
}
