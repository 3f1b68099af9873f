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
