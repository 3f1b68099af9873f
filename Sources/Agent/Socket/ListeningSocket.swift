import Foundation

/// A Unix socket that listens, and its file.
struct ListeningSocket: Sendable {
    let descriptor: Int32
    private let path: String
    private let inode: UInt64
    private let device: UInt64

    /// Listens at the path; what a dead server left there is replaced, a live one is left alone.
    ///
    /// The socket is made under another name in the same folder and takes its own by a rename, so that it has its mode
    /// and answers from the moment it is seen.
    init(_ socket: WorkloadSocket) throws(WorkloadSocketError) {
        path = socket.path
        try Self.checkNobodyAnswers(at: path)
        let early = Self.earlyPath(beside: path)
        guard SocketPath.fits(early), SocketPath.fits(path) else { throw .pathTooLong(path) }
        descriptor = Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .refused(path, errno: errno) }
        do throws(WorkloadSocketError) {
            try Self.listen(descriptor, at: early, socket)
            var status = stat()
            guard lstat(early, &status) == 0, rename(early, path) == 0 else {
                throw WorkloadSocketError.refused(path, errno: errno)
            }
            inode = UInt64(status.st_ino)
            device = UInt64(status.st_dev)
        } catch {
            unlink(early)
            close(descriptor)
            throw error
        }
    }

    /// Takes the file away, unless it is another's by now.
    func removeFile() {
        var status = stat()
        guard lstat(path, &status) == 0, UInt64(status.st_ino) == inode, UInt64(status.st_dev) == device else { return }
        unlink(path)
    }

    private static func earlyPath(beside path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        let name = "." + String(UInt32.random(in: 0...0xFF_FFFF), radix: 16)
        return folder.isEmpty ? name : (folder as NSString).appendingPathComponent(name)
    }

    private static func listen(
        _ descriptor: Int32,
        at path: String,
        _ socket: WorkloadSocket
    ) throws(WorkloadSocketError) {
        // Linux gives the file the mode of the socket, less the umask: nobody else can connect before the rename.
        guard fchmod(descriptor, 0o600) == 0,
            withAddress(path, { bind(descriptor, $0, $1) }) == 0,
            chmod(path, socket.mode) == 0,
            Foundation.listen(descriptor, 512) == 0
        else { throw .refused(socket.path, errno: errno) }
    }

    private static func checkNobodyAnswers(at path: String) throws(WorkloadSocketError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        let probe = Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw .refused(path, errno: errno) }
        defer { close(probe) }
        let answer = withAddress(path) { connect(probe, $0, $1) }
        // Only a refusal says that nobody is there; not being allowed to ask does not.
        guard answer != 0, errno == ECONNREFUSED || errno == ENOENT else { throw .inUse(path) }
    }

    private static func withAddress<Result>(
        _ path: String,
        _ use: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(SocketPath.maximumBytes)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
