package import JOSE
package import Keys
package import Policy

/// Somebody who may register jobs, for the repositories that its patterns name and no others.
package struct Runner: Hashable, Sendable {
    /// Never used again, even when another runner takes the name.
    package let id: Int64
    package let name: ByteString
    package let patterns: [RepositoryPattern]
    package let addedAt: NumericDate
    package let revokedAt: NumericDate?

    /// Patterns of the greatest length still fit into what is read again.
    package static let maximumPatterns = 128

    package init(
        id: Int64,
        name: ByteString,
        patterns: [RepositoryPattern],
        addedAt: NumericDate,
        revokedAt: NumericDate?
    ) {
        self.id = id
        self.name = name
        self.patterns = patterns
        self.addedAt = addedAt
        self.revokedAt = revokedAt
    }

    package func maySpeakFor(_ repository: RepositoryName) -> Bool {
        patterns.contains { $0.matches(repository) }
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
