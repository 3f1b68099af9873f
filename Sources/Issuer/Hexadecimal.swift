import JOSE

/// Lower-case hexadecimal.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func isDigit(_ byte: UInt8) -> Bool {
        digits.contains(byte)
    }

    /// Two words and not sixteen bytes: each number that the system generator makes is a system call.
    static func random128Bits(using generator: inout some RandomNumberGenerator) -> ByteString {
        let words: [UInt64] = [generator.next(), generator.next()]
        return ByteString(
            words.flatMap { word in
                stride(from: 60, through: 0, by: -4).map { digits[Int(truncatingIfNeeded: word >> $0) & 0x0F] }
            }
        )
    }
}
