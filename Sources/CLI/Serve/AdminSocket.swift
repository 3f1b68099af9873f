import Foundation
import Storage

/// The place of the admin socket in the file system.
enum AdminSocket {
    /// Removes the socket that a dead process left; anything else at the path is refused.
    static func makeRoom(at path: String) throws {
        try SocketFile.makeRoom(at: path, option: "--admin")
    }

    /// Where one of several processes that share a database listens, beside the others of this machine.
    static func ofReplica(_ files: StoreFiles) -> String {
        "\(files.database).\(getpid()).admin.sock"
    }

    /// Where a process that shares a database listens, if there is one on this machine; what dead ones left is removed.
    static func ofAnyReplica(_ files: StoreFiles) -> String? {
        let path = files.database as NSString
        let (folder, name) = (path.deletingLastPathComponent, path.lastPathComponent)
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let sockets = entries.filter { $0.hasPrefix(name + ".") && $0.hasSuffix(".admin.sock") }.sorted()
        var found: String?
        for socket in sockets.map({ folder + "/" + $0 }) {
            if SocketFile.isAnswered(socket) { found = found ?? socket } else { unlink(socket) }
        }
        return found
    }
}
