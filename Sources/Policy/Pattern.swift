package import JOSE

/// Bytes to be matched: `*` stands for any bytes but `/`, `**` for any bytes; everything else stands for itself.
package struct Pattern: Hashable, Sendable {
    package let text: ByteString
    private let segments: [Segment]

    private enum Segment: Hashable {
        case byte(UInt8)
        case star
        case doubleStar
    }

    package init(_ text: ByteString) {
        self.text = text
        var segments: [Segment] = []
        for byte in text.bytes {
            guard byte == UInt8(ascii: "*") else {
                segments.append(.byte(byte))
                continue
            }
            switch segments.last {
            case .star: segments[segments.count - 1] = .doubleStar
            case .doubleStar: break
            default: segments.append(.star)
            }
        }
        self.segments = segments
    }

    /// Whether it stands for one value only.
    package var isExact: Bool {
        segments.allSatisfy { segment in if case .byte = segment { true } else { false } }
    }

    /// Linear in the value for each segment: no pattern takes exponential time.
    package func matches(_ value: ByteString) -> Bool {
        if isExact { return text == value }
        let bytes = value.bytes
        // reachable[i]: the segments so far stand for the first i bytes.
        var reachable = [Bool](repeating: false, count: bytes.count + 1)
        reachable[0] = true
        for segment in segments { reachable = Self.step(segment, bytes, reachable) }
        return reachable[bytes.count]
    }

    private static func step(_ segment: Segment, _ bytes: [UInt8], _ before: [Bool]) -> [Bool] {
        var after = [Bool](repeating: false, count: before.count)
        switch segment {
        case .byte(let wanted):
            for index in bytes.indices where before[index] && bytes[index] == wanted { after[index + 1] = true }
        case .star, .doubleStar:
            var isReached = false
            for index in before.indices {
                if index > 0, segment == .star, bytes[index - 1] == UInt8(ascii: "/") { isReached = false }
                isReached = isReached || before[index]
                after[index] = isReached
            }
        }
        return after
    }
}
