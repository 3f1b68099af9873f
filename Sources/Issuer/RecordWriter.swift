import JOSE

/// Writes one flat JSON object, member after member, as ``JOSE/JSONValue/serialized`` would.
struct RecordWriter {
    private var bytes: [UInt8] = []

    init() {
        // An audit record of a token.
        bytes.reserveCapacity(640)
    }

    /// Closes the object; its bytes.
    mutating func finish() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    mutating func begin(_ name: StaticString, _ value: ByteString) {
        bytes.append(UInt8(ascii: "{"))
        append(name)
        append(value)
    }

    mutating func add(_ name: StaticString, _ value: ByteString?) {
        guard let value else { return }
        bytes.append(UInt8(ascii: ","))
        append(name)
        append(value)
    }

    mutating func add(_ name: StaticString, _ value: Int64?) {
        guard let value else { return }
        bytes.append(UInt8(ascii: ","))
        append(name)
        Decimal.append(value, to: &bytes)
    }

    /// An array that is empty is left out.
    mutating func add(_ name: StaticString, _ values: [ByteString]) {
        guard !values.isEmpty else { return }
        bytes.append(UInt8(ascii: ","))
        append(name)
        for (index, value) in values.enumerated() {
            bytes.append(index == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
            append(value)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// The name is ours and holds nothing to escape.
    private mutating func append(_ name: StaticString) {
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func append(_ value: ByteString) {
        guard Self.isPlain(value.bytes.span) else {
            bytes.append(contentsOf: JSONValue.string(value).serialized)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: value.bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether each byte stands for itself in a JSON string.
    private static func isPlain(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte >= 0x20, byte < 0x7F, byte != 0x22, byte != 0x5C else { return false }
        }
        return true
    }
}
