// The comparisons of the fast path: bytes with bytes, every index checked.

extension Span<UInt8> {
    func hasBytes(_ expected: [UInt8], at start: Int) -> Bool {
        guard start >= 0, start + expected.count <= count else { return false }
        for index in 0..<expected.count where self[start + index] != expected[index] { return false }
        return true
    }

    /// Whether the bytes in `range` are exactly `expected`.
    func isEqual(_ range: Range<Int>, to expected: [UInt8]) -> Bool {
        range.count == expected.count && hasBytes(expected, at: range.lowerBound)
    }

    /// Whether the bytes in `range` are `name` in any case of letters; `name` is of lower-case letters and hyphens.
    func isName(_ name: StaticString, at range: Range<Int>) -> Bool {
        guard range.count == name.utf8CodeUnitCount, range.upperBound <= count else { return false }
        return name.withUTF8Buffer { name in
            for index in 0..<name.count {
                let byte = self[range.lowerBound + index]
                let folded = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 0x20 : byte
                if folded != name[index] { return false }
            }
            return true
        }
    }

    func bytes(_ range: Range<Int>) -> [UInt8] {
        var copied: [UInt8] = []
        copied.reserveCapacity(range.count)
        for index in range { copied.append(self[index]) }
        return copied
    }
}
