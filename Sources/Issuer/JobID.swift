package import JOSE

/// The name of one job: 128 random bits as 32 lower-case hex digits, so that none can be guessed.
package struct JobID: Hashable, Sendable {
    package let text: ByteString

    package static func random(using generator: inout some RandomNumberGenerator) -> JobID {
        JobID(text: Hexadecimal.random128Bits(using: &generator))
    }

    /// Nil for anything that is not the plain spelling of an id.
    package init?(_ text: some Collection<UInt8>) {
        guard text.count == 32, text.allSatisfy(Hexadecimal.isDigit) else { return nil }
        self.text = ByteString(text)
    }

    private init(text: ByteString) {
        self.text = text
    }
}

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
