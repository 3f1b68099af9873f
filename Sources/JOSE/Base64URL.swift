// The only base64 in the project's tokens and keys, with one spelling for every sequence of bytes.

/// Base64url without padding (RFC 4648 §5, RFC 7515 §2).
package enum Base64URL {
    /// The text for these bytes: ASCII letters, digits, `-` and `_`, never padded.
    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count / 3 * 4 + 4)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for byte in Array(bytes) {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(character(UInt8(truncatingIfNeeded: buffer >> bits) & 0x3F))
            }
            buffer &= 0xFF
        }
        if bits > 0 { text.append(character(UInt8(truncatingIfNeeded: buffer << (6 - bits)) & 0x3F)) }
        return text
    }

    /// The bytes a text stands for.
    ///
    /// Strict: no padding, no whitespace, no `+` and `/`, no length that cannot be, and no bits set that carry nothing,
    /// so that `decode` is the exact inverse of ``encode(_:)`` and no two texts mean the same bytes.
    ///
    /// - Throws: ``JOSEError/invalidBase64URL``.
    package static func decode(_ text: some Collection<UInt8>) throws(JOSEError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 3)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for character in Array(text) {
            guard let value = value(of: character) else { throw .invalidBase64URL }
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

    private static func character(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + (value - 26)
        case 52..<62: UInt8(ascii: "0") + (value - 52)
        case 62: UInt8(ascii: "-")
        default: UInt8(ascii: "_")
        }
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
