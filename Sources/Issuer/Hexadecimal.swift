import JOSE

/// Lower-case hexadecimal.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }

    /// Two words and not sixteen bytes: each number that the system generator makes is a system call.
    static func random128Bits(using generator: inout some RandomNumberGenerator) -> ByteString {
        var text: [UInt8] = []
        text.reserveCapacity(32)
        for _ in 0..<2 {
            var word: UInt64 = generator.next()
            for _ in 0..<16 {
                word = word << 4 | word >> 60
                text.append(digits[Int(truncatingIfNeeded: word & 0x0F)])
            }
        }
        return ByteString(text)
    }
}
