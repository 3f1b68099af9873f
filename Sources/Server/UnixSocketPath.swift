import Foundation

/// Paths of Unix sockets, which the kernel limits to 107 bytes.
package enum UnixSocketPath {
    /// The path itself where it is short enough; else the same file by way of its folder's descriptor.
    ///
    /// The descriptor stays open as long as the process: there is one such socket in a process.
    package static func short(_ path: String) -> String {
        guard path.utf8.count > 104 else { return path }
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return path }
        return "/proc/self/fd/\(folder)/\((path as NSString).lastPathComponent)"
    }
}
