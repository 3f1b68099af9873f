package import JOSE

/// Why a key ring cannot be changed or read as asked.
package enum KeyRingError: Error, Hashable, Sendable {
    case keyExists(ByteString)
    case noSuchKey(ByteString)
    case wrongState(ByteString, KeyState)
    /// Other processes changed the ring each time we tried.
    case contended
    /// The stored document is not one that this version wrote.
    case malformedDocument
    /// No key signs for this purpose.
    case noActiveKey(KeyPurpose)
    /// A key that signs certificates was asked for where nothing can make its certificate.
    case noCertifier
    /// The sealed private half does not open, or is not the half of the published key.
    case privateKeyUnusable(ByteString)
}
