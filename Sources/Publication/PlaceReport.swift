package import JOSE

/// How it went at one place.
package struct PlaceReport: Hashable, Sendable {
    /// The operator's name for the place.
    package let name: ByteString
    /// The keys in the JWK Set that was read back, or why the place does not hold what was to be published.
    package let outcome: Result<[ByteString], PublicationError>
}
