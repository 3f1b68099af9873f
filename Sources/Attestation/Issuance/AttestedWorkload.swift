package import JOSE
package import Keys

/// A workload whose evidence was verified: the facts about it, and until when they hold.
package struct AttestedWorkload: Sendable {
    /// The verified claims of its evidence.
    package let claims: JSONObject
    /// When the evidence expires (`exp`).
    package let expiresAt: NumericDate

    package init(claims: JSONObject, expiresAt: NumericDate) {
        self.claims = claims
        self.expiresAt = expiresAt
    }
}
