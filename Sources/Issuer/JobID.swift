package import JOSE

/// The name of one job: 128 random bits as 32 lower-case hex digits, so that none can be guessed.
package struct JobID: Hashable, Sendable {
    package let text: ByteString

    package static func random(using generator: inout some RandomNumberGenerator) -> JobID {
        JobID(text: Hexadecimal.randomText(bytes: 16, using: &generator))
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

    static func randomText(bytes: Int, using generator: inout some RandomNumberGenerator) -> ByteString {
        var text: [UInt8] = []
        text.reserveCapacity(bytes * 2)
        for _ in 0..<bytes {
            let byte = UInt8.random(in: .min ... .max, using: &generator)
            text += [digits[Int(byte >> 4)], digits[Int(byte & 0x0F)]]
        }
        return ByteString(text)
    }
}
