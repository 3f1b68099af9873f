// The only base64 in the project's tokens and keys, with one spelling for every sequence of bytes.

/// Base64url without padding (RFC 4648 §5, RFC 7515 §2).
package enum Base64URL {
    /// The text for these bytes: ASCII letters, digits, `-` and `_`, never padded.
    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        append(Array(bytes)[...], to: &text)
        return text
    }

    /// Appends the text for these bytes.
    ///
    /// Of two pieces of which the first has a multiple of three bytes, the texts are together that of both.
    package static func append(_ bytes: ArraySlice<UInt8>, to text: inout [UInt8]) {
        let alphabet = Self.alphabet
        var index = bytes.startIndex
        while bytes.endIndex - index >= 3 {
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            text.append(alphabet[Int(group >> 18)])
            text.append(alphabet[Int(group >> 12 & 0x3F)])
            text.append(alphabet[Int(group >> 6 & 0x3F)])
            text.append(alphabet[Int(group & 0x3F)])
            index += 3
        }
        switch bytes.endIndex - index {
        case 1:
            text.append(alphabet[Int(bytes[index] >> 2)])
            text.append(alphabet[Int(bytes[index] & 0x03) << 4])
        case 2:
            text.append(alphabet[Int(bytes[index] >> 2)])
            text.append(alphabet[Int(bytes[index] & 0x03) << 4 | Int(bytes[index + 1] >> 4)])
            text.append(alphabet[Int(bytes[index + 1] & 0x0F) << 2])
        default: break
        }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The bytes a text stands for.
    ///
    /// Strict: no padding, no whitespace, no `+` and `/`, no length that cannot be, and no bits set that carry nothing,
    /// so that `decode` is the exact inverse of ``encode(_:)`` and no two texts mean the same bytes.
    ///
    /// - Throws: ``JOSEError/invalidBase64URL``.
    package static func decode(_ text: some Collection<UInt8>) throws(JOSEError) -> [UInt8] {
        try decode(text: Array(text).span)
    }

    /// The same of text that stands in a larger one.
    package static func decode(text: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 3)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for index in text.indices {
            guard let value = value(of: text[index]) else { throw .invalidBase64URL }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
            buffer &= (1 << bits) - 1
        }
        // Six bits left over are a lone character; other bits left over must be zero (RFC 4648 §3.5).
        guard bits < 6, buffer == 0 else { throw .invalidBase64URL }
        return bytes
    }

    /// Whether a byte is in the alphabet.
    static func contains(_ character: UInt8) -> Bool {
        value(of: character) != nil
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case 0x41...0x5A: character - 0x41
        case 0x61...0x7A: character - 0x61 + 26
        case 0x30...0x39: character - 0x30 + 52
        case 0x2D: 62
        case 0x5F: 63
        default: nil
        }
    }
}
