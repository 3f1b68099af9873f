package import JOSE

/// What a claim's value has to be: bytes, in which `*` stands for any bytes but `/`, and `**` for any bytes.
package struct ClaimPattern: Hashable, Sendable {
    package let text: ByteString
    private let parts: [Part]

    private enum Part: Hashable {
        case byte(UInt8)
        case star
        case doubleStar
    }

    package init(_ text: ByteString) {
        self.text = text
        var parts: [Part] = []
        for byte in text.bytes {
            switch (byte, parts.last) {
            case (UInt8(ascii: "*"), .star?): parts[parts.count - 1] = .doubleStar
            case (UInt8(ascii: "*"), .doubleStar?): break
            case (UInt8(ascii: "*"), _): parts.append(.star)
            default: parts.append(.byte(byte))
            }
        }
        self.parts = parts
    }

    /// Whether it stands for one value only.
    package var isExact: Bool {
        !text.bytes.contains(UInt8(ascii: "*"))
    }

    /// What every value that it stands for begins with.
    package var head: ByteString {
        ByteString(text.bytes.prefix { $0 != UInt8(ascii: "*") })
    }

    /// Linear in the value for each byte of the pattern: none takes exponential time.
    package func matches(_ value: ByteString) -> Bool {
        if isExact { return text == value }
        // reachable[i]: the parts so far stand for the first i bytes.
        var reachable = [Bool](repeating: false, count: value.count + 1)
        reachable[0] = true
        for part in parts { reachable = Self.step(part, value.bytes, reachable) }
        return reachable[value.count]
    }

    private static func step(_ part: Part, _ bytes: [UInt8], _ before: [Bool]) -> [Bool] {
        var after = [Bool](repeating: false, count: before.count)
        if case .byte(let wanted) = part {
            for index in bytes.indices where before[index] && bytes[index] == wanted { after[index + 1] = true }
            return after
        }
        var isReached = false
        for index in before.indices {
            if part == .star, index > 0, bytes[index - 1] == UInt8(ascii: "/") { isReached = false }
            isReached = isReached || before[index]
            after[index] = isReached
        }
        return after
    }
}
