/// Why a socket could not be offered.
package enum WorkloadSocketError: Error, Hashable, Sendable {
    /// The kernel takes paths of at most 107 bytes, and some are needed while the socket is made ready.
    case pathTooLong(String)
    /// Something other than a socket is at the path; it stays.
    case notASocket(String)
    /// Another process answers there.
    case inUse(String)
    /// The kernel refused; `errno` says why.
    case refused(String, errno: Int32)

    /// What to mend, for a person.
    package var explanation: String {
        switch self {
        case .pathTooLong(let path): "\(path) is too long for a socket; choose a path of at most 98 bytes"
        case .notASocket(let path): "\(path) exists and is not a socket; choose another path"
        case .inUse(let path): "\(path) is the socket of another process that is running; choose another path"
        case .refused(let path, let errno):
            "the socket \(path) cannot be made (errno \(errno)); is its folder there, and may this user write in it?"
        }
    }
}
