/// Where a signing key stands in its life: `prepared → active → retiring → retired`, and `revoked` from anywhere.
package enum KeyState: String, Hashable, Sendable, CaseIterable {
    /// Published, not yet signing (NIST SP 800-57 "pre-activation").
    case prepared
    /// Signs; exactly one per algorithm.
    case active
    /// No longer signs, still published so that its tokens verify.
    case retiring
    /// No longer published; the private half is erased.
    case retired
    /// Removed at once because of compromise.
    case revoked

    /// Whether verifiers find the key in the JWK Set.
    package var isPublished: Bool {
        switch self {
        case .prepared, .active, .retiring: true
        case .retired, .revoked: false
        }
    }

    /// Whether the key still signs, or may one day.
    package var keepsPrivateHalf: Bool {
        switch self {
        case .prepared, .active: true
        case .retiring, .retired, .revoked: false
        }
    }
}
