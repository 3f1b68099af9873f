/// Paths of Unix sockets.
enum SocketPath {
    /// The most bytes that the kernel takes (unix(7)), less the zero that ends them.
    static let maximumBytes = 107

    static func fits(_ path: String) -> Bool {
        path.utf8.count <= maximumBytes
    }
}
