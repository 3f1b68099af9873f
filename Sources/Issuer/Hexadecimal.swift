import JOSE

/// Lower-case hexadecimal.
enum Hexadecimal {
    /// Two words and not sixteen bytes: each number that the system generator makes is a system call.
    static func random128Bits(using generator: inout some RandomNumberGenerator) -> ByteString {
        JobID.random(using: &generator).text
    }

    /// Appends the sixteen digits of a word.
    static func append(_ word: UInt64, to text: inout [UInt8]) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: word >> shift & 0x0F)
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// The word that sixteen digits spell; nil where they are fewer, or not all are digits.
    static func word(_ text: Span<UInt8>, at start: Int) -> UInt64? {
        guard start >= 0, text.count >= start + 16 else { return nil }
        var word: UInt64 = 0
        for index in start..<(start + 16) {
            guard let value = value(of: text[index]) else { return nil }
            word = word << 4 | UInt64(value)
        }
        return word
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
