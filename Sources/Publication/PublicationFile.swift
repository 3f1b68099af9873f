package import Discovery
package import JOSE

/// A document with its path below the place's root, as `.well-known/jwks`.
package struct PublicationFile: Hashable, Sendable {
    package let path: ByteString
    package let document: PublishedDocument

    /// Nil for a path that could lead out of the place, or be spelled in two ways.
    package init?(path: ByteString, document: PublishedDocument) {
        guard PlainPath.isPlain(path) else { return nil }
        self.path = path
        self.document = document
    }

    /// Whether it is what verifiers read first, and what sends them to the JWK Set.
    package var isProviderMetadata: Bool {
        "/" + path == WellKnownPath.configuration
    }
}
