package import JOSE

/// The name of one job: 128 random bits, so that none can be guessed, spelled as 32 lower-case hex digits.
///
/// Held as two words, for it is the key of every table that a token's request looks into.
package struct JobID: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// The 32 hex digits.
    package var text: ByteString {
        var text: [UInt8] = []
        text.reserveCapacity(32)
        Hexadecimal.append(high, to: &text)
        Hexadecimal.append(low, to: &text)
        return ByteString(text)
    }

    package static func random(using generator: inout some RandomNumberGenerator) -> JobID {
        JobID(high: generator.next(), low: generator.next())
    }

    /// Nil for anything that is not the plain spelling of an id.
    package init?(_ text: some Collection<UInt8>) {
        self.init(digits: Array(text).span)
    }

    /// The same of bytes that stand in a larger text.
    package init?(digits: Span<UInt8>) {
        guard digits.count == 32, let high = Hexadecimal.word(digits, at: 0), let low = Hexadecimal.word(digits, at: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
