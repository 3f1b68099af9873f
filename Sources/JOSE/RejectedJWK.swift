// What a key set had that we left out.

/// An entry of a key set that is not used, for the log.
package struct RejectedJWK: Hashable, Sendable {
    /// The entry's place in `keys`, from 0.
    package let position: Int

    /// The entry's `kid`, if it has one of at most ``JWK/maximumKeyIDBytes`` bytes.
    ///
    /// Untrusted text.
    package let keyID: ByteString?

    /// Why it was left out.
    package let error: JWKError

    /// Creates an entry.
    package init(position: Int, keyID: ByteString?, error: JWKError) {
        self.position = position
        self.keyID = keyID
        self.error = error
    }
}
