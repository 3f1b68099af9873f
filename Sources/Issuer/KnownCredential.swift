package import Keys

/// A runner's credential as the store knows it: by its hash, with the instant from which it is dead.
package struct KnownCredential: Hashable, Sendable {
    package let digest: CredentialDigest
    /// Nil where it has no end of its own.
    package let validUntil: NumericDate?

    package init(digest: CredentialDigest, validUntil: NumericDate?) {
        self.digest = digest
        self.validUntil = validUntil
    }

    /// Made now, good for `validity` seconds.
    package init(digest: CredentialDigest, validity: Int64?, at now: NumericDate) {
        self.init(digest: digest, validUntil: validity.map { now.advanced(bySeconds: $0) })
    }

    package func isLive(at now: NumericDate) -> Bool {
        validUntil.map { now < $0 } ?? true
    }

    /// The same credential, dead from `instant` on at the latest.
    package func ending(at instant: NumericDate) -> KnownCredential {
        KnownCredential(digest: digest, validUntil: min(validUntil ?? instant, instant))
    }
}
