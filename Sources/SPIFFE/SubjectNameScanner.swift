/// Cuts the text of a name into attributes and undoes escapes (RFC 4514 §3).
struct SubjectNameScanner {
    private var rest: ArraySlice<UInt8>
    private var isFinished = false

    init(_ text: [UInt8]) {
        rest = text[...]
    }

    /// The next attribute and the comma or plus that ends it; no separator for the last, nil after it.
    mutating func next() throws(SubjectNameError) -> (pair: (type: [UInt8], value: [UInt8]), separator: UInt8?)? {
        guard !isFinished else { return nil }
        rest = rest.drop { $0 == UInt8(ascii: " ") }
        guard let equals = rest.firstIndex(of: UInt8(ascii: "=")), equals > rest.startIndex else { throw .malformed }
        let type = Array(rest[..<equals])
        rest = rest[(equals + 1)...]
        let (value, separator) = try value()
        isFinished = separator == nil
        return ((type, value), separator)
    }

    private mutating func value() throws(SubjectNameError) -> (value: [UInt8], separator: UInt8?) {
        var value: [UInt8] = []
        // What stays of the value when spaces that nobody escaped are cut off its end.
        var kept = 0
        rest = rest.drop { $0 == UInt8(ascii: " ") }
        guard rest.first != UInt8(ascii: "#") else { throw .escapeInvalid }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "+"): return (Array(value.prefix(kept)), byte)
            case UInt8(ascii: "\\"):
                value.append(try escaped())
                kept = value.count
            case UInt8(ascii: "\""), UInt8(ascii: ";"), UInt8(ascii: "<"), UInt8(ascii: ">"), 0: throw .escapeInvalid
            default:
                value.append(byte)
                if byte != UInt8(ascii: " ") { kept = value.count }
            }
        }
        return (Array(value.prefix(kept)), nil)
    }

    /// One of the characters that have a meaning, or two hexadecimal digits.
    private mutating func escaped() throws(SubjectNameError) -> UInt8 {
        guard let first = rest.popFirst() else { throw .escapeInvalid }
        if " #\"+,;<=>\\".utf8.contains(first) { return first }
        guard let high = Self.digit(first), let low = rest.popFirst().flatMap(Self.digit) else { throw .escapeInvalid }
        return high << 4 | low
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
