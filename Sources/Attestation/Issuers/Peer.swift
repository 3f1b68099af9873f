/// The process at the other end of a Unix socket, as the kernel names it (SO_PEERCRED), when it connected.
package struct Peer: Hashable, Sendable {
    package let uid: UInt32
    /// By now it may be another's: good for a log, not for a decision.
    package let pid: Int32

    package init(uid: UInt32, pid: Int32) {
        self.uid = uid
        self.pid = pid
    }
}
