// The grammar of numbers, shared by reading and writing.

/// RFC 8259 §6: `[ minus ] int [ frac ] [ exp ]`.
enum JSONNumber {
    /// The index behind the longest number that starts at `start`, or `nil` if none does.
    static func end(in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        if byte(in: bytes, at: index) == UInt8(ascii: "-") { index += 1 }
        guard let afterInteger = endOfInteger(in: bytes, from: index) else { return nil }
        index = afterInteger
        if byte(in: bytes, at: index) == UInt8(ascii: ".") {
            guard let afterFraction = endOfDigits(in: bytes, from: index + 1) else { return nil }
            index = afterFraction
        }
        guard let mark = byte(in: bytes, at: index), mark | 0x20 == UInt8(ascii: "e") else { return index }
        return endOfExponent(in: bytes, from: index + 1)
    }

    /// The value of a number in this grammar if it is written as an integer, is not `-0` and fits 64 bits.
    static func integer(_ literal: ArraySlice<UInt8>) -> Int64? {
        guard literal.count <= 20, !literal.elementsEqual("-0".utf8) else { return nil }
        return Int64(String(decoding: literal, as: UTF8.self))
    }

    private static func endOfInteger(in bytes: [UInt8], from start: Int) -> Int? {
        byte(in: bytes, at: start) == UInt8(ascii: "0") ? start + 1 : endOfDigits(in: bytes, from: start)
    }

    private static func endOfExponent(in bytes: [UInt8], from start: Int) -> Int? {
        let sign = byte(in: bytes, at: start)
        let hasSign = sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-")
        return endOfDigits(in: bytes, from: hasSign ? start + 1 : start)
    }

    /// The index behind one or more digits.
    private static func endOfDigits(in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while let digit = byte(in: bytes, at: index), (0x30...0x39).contains(digit) { index += 1 }
        return index > start ? index : nil
    }

    private static func byte(in bytes: [UInt8], at index: Int) -> UInt8? {
        index < bytes.count ? bytes[index] : nil
    }
}
