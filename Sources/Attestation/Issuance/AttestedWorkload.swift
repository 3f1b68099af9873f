package import JOSE
package import Keys

/// A workload whose evidence was verified: the facts about it, and until when they hold.
package struct AttestedWorkload: Sendable {
    /// The verified claims of its evidence.
    package let claims: JSONObject
    /// When the evidence expires (`exp`).
    package let expiresAt: NumericDate
    /// Which process presented it, as the kernel says.
    package let peer: Peer?

    package init(claims: JSONObject, expiresAt: NumericDate, peer: Peer? = nil) {
        self.claims = claims
        self.expiresAt = expiresAt
        self.peer = peer
    }

    func presented(by peer: Peer?) -> AttestedWorkload {
        AttestedWorkload(claims: claims, expiresAt: expiresAt, peer: peer)
    }
}
