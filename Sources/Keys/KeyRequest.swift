package import JOSE

/// What an operator asks of the ring.
///
/// No purposes are all that the ring has.
package enum KeyRequest: Hashable, Sendable {
    case prepare([KeyPurpose]?)
    /// The standbys of these purposes sign now.
    case activateStandbys([KeyPurpose]?)
    case activate(ByteString)
    case retire(ByteString)
    case revoke(ByteString)
    /// Everything that is published.
    case revokeAll
}
