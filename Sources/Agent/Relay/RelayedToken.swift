package import Attestation
import JOSE
package import Keys

/// A job's token as a relay passes it on.
package struct RelayedToken: Hashable, Sendable {
    package let evidence: Evidence
    /// The token's own `exp`, not verified: it says only how long relaying it makes sense.
    package let expiresAt: NumericDate

    /// Takes the text of a token file; white space around the token is not the token's.
    package init(parsing text: [UInt8]) throws(RelayedTokenError) {
        let token = Self.trimmed(text)
        guard !token.isEmpty else { throw .empty }
        guard token.count <= WorkloadMetadata.maximumEvidenceBytes else { throw .tooLong }
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = try? Base64URL.decode(parts[1]),
            let claims = (try? JSONReader.read(payload))?.objectValue
        else { throw .notAToken }
        guard let expiresAt = Self.seconds(claims["exp"]) else { throw .expiryMissing }
        evidence = Evidence(token: ByteString(token))
        self.expiresAt = NumericDate(secondsSinceEpoch: expiresAt)
    }

    private static func trimmed(_ text: [UInt8]) -> ArraySlice<UInt8> {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let start = text.drop(while: isSpace)
        guard let last = start.lastIndex(where: { !isSpace($0) }) else { return [] }
        return start[...last]
    }

    /// A NumericDate may have a fraction (RFC 7519 §2).
    private static func seconds(_ value: JSONValue?) -> Int64? {
        switch value {
        case .integer(let seconds): seconds
        case .number(let literal): Double(literal.string).flatMap { Int64(exactly: $0.rounded(.down)) }
        default: nil
        }
    }
}
