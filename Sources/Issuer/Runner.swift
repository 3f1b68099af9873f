package import JOSE
package import Keys
package import Policy

/// Somebody who may register jobs, for the repositories that its patterns name and no others.
package struct Runner: Hashable, Sendable {
    /// Never used again, even when another runner takes the name.
    package let id: Int64
    package let name: ByteString
    package let patterns: [RepositoryPattern]
    package let bounds: RunnerBounds
    /// The credential, and then, after a rotation, the one before it.
    package let credentials: [KnownCredential]
    package let addedAt: NumericDate
    package let revokedAt: NumericDate?

    /// Patterns of the greatest length still fit into what is read again.
    package static let maximumPatterns = 128

    package init(
        id: Int64,
        name: ByteString,
        patterns: [RepositoryPattern],
        bounds: RunnerBounds,
        credentials: [KnownCredential],
        addedAt: NumericDate,
        revokedAt: NumericDate?
    ) {
        self.id = id
        self.name = name
        self.patterns = patterns
        self.bounds = bounds
        self.credentials = credentials
        self.addedAt = addedAt
        self.revokedAt = revokedAt
    }

    package func maySpeakFor(_ repository: RepositoryName) -> Bool {
        patterns.contains { $0.matches(repository) }
    }

    /// Why its credential of this digest is not good at `now` in the hands of `peer`; nil where it is.
    package func refusal(
        of digest: CredentialDigest,
        from peer: NetworkAddress?,
        at now: NumericDate
    ) -> RefusalReason? {
        guard credentials.contains(where: { $0.digest == digest && $0.isLive(at: now) }) else {
            return .credentialExpired
        }
        return bounds.admits(peer) ? nil : .sourceNotAllowed
    }

    /// What came before its credential and is no longer good at `now`.
    package func lapsedCredentials(at now: NumericDate) -> [CredentialDigest] {
        credentials.dropFirst().filter { !$0.isLive(at: now) }.map(\.digest)
    }

    /// The runner with a new credential; the one that it had is good for `overlap` seconds more, and one from before
    /// that no longer.
    package func rotating(to credential: KnownCredential, overlap: Int64, at now: NumericDate) -> Runner {
        let former = overlap > 0 ? credentials.prefix(1).map { $0.ending(at: now.advanced(bySeconds: overlap)) } : []
        return Runner(
            id: id,
            name: name,
            patterns: patterns,
            bounds: bounds,
            credentials: [credential] + former,
            addedAt: addedAt,
            revokedAt: revokedAt
        )
    }

    /// `[A-Za-z0-9._-]`, 1 to 64 bytes, beginning with a letter or digit.
    package static func isValidName(_ name: ByteString) -> Bool {
        guard let first = name.bytes.first, name.count <= 64 else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: false
            }
        }
        return isAlphanumeric(first) && name.bytes.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
    }
}
