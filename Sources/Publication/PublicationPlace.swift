package import JOSE

/// Somewhere that verifiers can read from while they cannot reach the issuer.
package protocol PublicationPlace: Sendable {
    /// The operator's name for it, unique in the configuration.
    var name: ByteString { get }

    /// Puts the file there: afterwards a reader finds the whole new file, and at no time anything but a whole one.
    func write(_ file: PublicationFile) async throws(PublicationError)

    /// What a reader finds now at the path of `file`.
    func read(_ file: PublicationFile) async throws(PublicationError) -> PublishedCopy
}
