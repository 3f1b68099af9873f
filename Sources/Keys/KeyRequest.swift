package import JOSE

/// What an operator asks of the ring.
package enum KeyRequest: Hashable, Sendable {
    case prepare([SigningAlgorithm])
    /// The standbys of these algorithms sign now.
    case activateStandbys([SigningAlgorithm])
    case activate(ByteString)
    case retire(ByteString)
    case revoke(ByteString)
    /// Everything that is published.
    case revokeAll
}
