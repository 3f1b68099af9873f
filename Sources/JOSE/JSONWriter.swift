// The one place that turns JSON values into bytes.

/// Writes compact ASCII JSON; ``JSONValue/serialized`` says which spelling.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(let bool): append(bool ? "true" : "false")
        case .integer(let integer): bytes.append(contentsOf: String(integer).utf8)
        case .number(let literal): write(number: literal)
        case .string(let text): write(text)
        case .array(let elements): write(elements)
        case .object(let object): write(object)
        }
    }

    mutating func write(_ object: JSONObject) {
        append("{")
        var separator = false
        for member in object.members {
            if separator { append(",") }
            separator = true
            write(member.name)
            append(":")
            write(member.value)
        }
        append("}")
    }

    private mutating func write(_ elements: [JSONValue]) {
        append("[")
        var separator = false
        for element in elements {
            if separator { append(",") }
            separator = true
            write(element)
        }
        append("]")
    }

    private mutating func write(number literal: ByteString) {
        guard JSONNumber.end(in: literal.bytes, from: 0) == literal.count else { return append("null") }
        bytes.append(contentsOf: literal.bytes)
    }

    private mutating func write(_ text: ByteString) {
        bytes.append(UInt8(ascii: "\""))
        if text.bytes.allSatisfy(Self.isPlain) {
            bytes.append(contentsOf: text.bytes)
        } else if text.bytes.allSatisfy({ $0 < 0x80 }) {
            for byte in text.bytes { write(unit: UInt16(byte)) }
        } else {
            for unit in text.string.utf16 { write(unit: unit) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether a byte stands for itself in a string.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C
    }

    /// Writes one UTF-16 code unit of a string.
    private mutating func write(unit: UInt16) {
        switch unit {
        case 0x22, 0x5C: bytes += [UInt8(ascii: "\\"), UInt8(truncatingIfNeeded: unit)]
        case 0x20..<0x7F: bytes.append(UInt8(truncatingIfNeeded: unit))
        default: write(escaped: unit)
        }
    }

    private mutating func write(escaped unit: UInt16) {
        append("\\u")
        for shift in [12, 8, 4, 0] as [UInt16] {
            let digit = UInt8(truncatingIfNeeded: (unit >> shift) & 0xF)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }
}
