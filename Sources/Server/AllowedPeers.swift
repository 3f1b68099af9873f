import Foundation

/// Which users may speak on a Unix socket, by the uid that the kernel gives for the peer (SO_PEERCRED).
///
/// Whoever is not among them is disconnected before a byte is read; the socket's mode is a second line only.
package struct AllowedPeers: Sendable {
    private let uids: Set<UInt32>
    /// The mode of the socket's file.
    let socketMode: UInt32
    /// Told the uid of whom was turned away.
    let refused: @Sendable (UInt32) -> Void

    package init(uids: Set<UInt32>, socketMode: UInt32, refused: @escaping @Sendable (UInt32) -> Void = { _ in }) {
        self.uids = uids
        self.socketMode = socketMode
        self.refused = refused
    }

    /// Our own user, and root.
    package static var owner: AllowedPeers {
        AllowedPeers(uids: [getuid(), 0], socketMode: 0o600)
    }

    func contains(_ uid: UInt32) -> Bool {
        uids.contains(uid)
    }
}
