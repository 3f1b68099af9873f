package import JOSE
package import Policy

/// Which repositories a runner may speak for: `acme/widgets`, `acme/*`, `acme/*-service`.
///
/// `*` stands for any bytes but `/`. The owner part is literal, so that no pattern reaches another owner.
package struct RepositoryPattern: Hashable, Sendable {
    package let text: ByteString

    package init(_ text: ByteString) throws(Refusal) {
        let name = RepositoryName(text)
        guard name.isWellFormed, !name.owner.bytes.contains(Self.star), text.count <= 255,
            text.bytes.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw Refusal(.patternInvalid, text) }
        self.text = text
    }

    package func matches(_ repository: RepositoryName) -> Bool {
        let wanted = text.bytes.split(separator: Self.slash, omittingEmptySubsequences: false)
        let given = repository.name.bytes.split(separator: Self.slash, omittingEmptySubsequences: false)
        return wanted.count == given.count && zip(wanted, given).allSatisfy(Self.segmentMatches)
    }

    private static let star = UInt8(ascii: "*")
    private static let slash = UInt8(ascii: "/")

    /// Greedy with one point of return: linear in practice, quadratic at worst, never exponential.
    private static func segmentMatches(_ pattern: ArraySlice<UInt8>, _ segment: ArraySlice<UInt8>) -> Bool {
        var wanted = pattern.startIndex
        var given = segment.startIndex
        var afterStar: (wanted: Int, given: Int)?
        while given < segment.endIndex {
            if wanted < pattern.endIndex && pattern[wanted] == star {
                wanted += 1
                afterStar = (wanted, given)
            } else if wanted < pattern.endIndex && pattern[wanted] == segment[given] {
                wanted += 1
                given += 1
            } else if let last = afterStar {
                wanted = last.wanted
                given = last.given + 1
                afterStar = (wanted, given)
            } else {
                return false
            }
        }
        return pattern[wanted...].allSatisfy { $0 == star }
    }
}
