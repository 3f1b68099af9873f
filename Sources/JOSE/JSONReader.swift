// The strict JSON reader. Everything from outside that is JSON comes through here, and is read once.

/// Reads RFC 8259 JSON and nothing else.
///
/// Refused are: anything but UTF-8 (also a byte order mark, overlong forms and encoded surrogates), lone surrogates in
/// escapes, two members of one name (compared after unescaping), bytes after the value, and all the extensions in use:
/// comments, trailing commas, single quotes, `NaN`, leading zeros, raw control characters in strings. Time and memory
/// are linear in the size of the text, which ``Limits`` bounds.
package struct JSONReader {
    private let bytes: [UInt8]
    private let limits: Limits
    private var offset = 0
    private var depth = 0

    private init(_ bytes: [UInt8], limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Reads one JSON value that is the whole of `bytes`, save whitespace around it.
    ///
    /// - Parameters:
    ///   - bytes: The text.
    ///   - limits: What it may hold at most.
    /// - Returns: The value, with members in the order of the text.
    /// - Throws: ``JSONError``, the first thing found wrong from the start of the text; size is checked before that.
    package static func read(
        _ bytes: some Collection<UInt8>,
        limits: Limits = Limits()
    ) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.maximumBytes else { throw .tooLarge }
        var reader = JSONReader(Array(bytes), limits: limits)
        let value = try reader.value()
        reader.skipWhitespace()
        guard reader.current == nil else { throw reader.malformed }
        return value
    }

    // MARK: Values

    private mutating func value() throws(JSONError) -> JSONValue {
        skipWhitespace()
        switch current {
        case UInt8(ascii: "{"): return try nested { reader throws(JSONError) in try reader.object() }
        case UInt8(ascii: "["): return try nested { reader throws(JSONError) in try reader.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    /// Reads one array or object a level deeper.
    ///
    /// The bound of 128 keeps recursion off the end of the stack.
    private mutating func nested(
        _ read: (inout JSONReader) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        guard depth < min(limits.maximumDepth, 128) else { throw .tooDeep }
        depth += 1
        let value = try read(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        var members: [JSONMember] = []
        var names: Set<ByteString> = []
        offset += 1
        skipWhitespace()
        guard !take(UInt8(ascii: "}")) else { return .object(JSONObject()) }
        repeat {
            guard members.count < limits.maximumMembers else { throw .tooManyMembers }
            let member = try member()
            guard names.insert(member.name).inserted else { throw .duplicateMember(member.name) }
            members.append(member)
            skipWhitespace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw malformed }
        return .object(JSONObject(uniqueMembers: members))
    }

    private mutating func member() throws(JSONError) -> JSONMember {
        skipWhitespace()
        guard current == UInt8(ascii: "\"") else { throw malformed }
        let name = try string()
        skipWhitespace()
        guard take(UInt8(ascii: ":")) else { throw malformed }
        return JSONMember(name: name, value: try value())
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        offset += 1
        skipWhitespace()
        guard !take(UInt8(ascii: "]")) else { return .array([]) }
        repeat {
            guard elements.count < limits.maximumElements else { throw .tooManyElements }
            elements.append(try value())
            skipWhitespace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw malformed }
        return .array(elements)
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let matches = text.withUTF8Buffer { bytes[offset...].starts(with: $0) }
        guard matches else { throw malformed }
        offset += text.utf8CodeUnitCount
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        guard let end = JSONNumber.end(in: bytes, from: offset) else { throw malformed }
        let literal = bytes[offset..<end]
        offset = end
        return JSONNumber.integer(literal).map(JSONValue.integer) ?? .number(ByteString(literal))
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> ByteString {
        var text: [UInt8] = []
        offset += 1
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return ByteString(text)
            case UInt8(ascii: "\\"):
                try readEscape(into: &text)
            case 0x20..<0x80:
                text.append(byte)
                offset += 1
            case 0x80...:
                try readMultibyte(lead: byte, into: &text)
            default:
                throw malformed
            }
        }
        throw malformed
    }

    /// Reads one character of two to four bytes (RFC 3629 §4).
    private mutating func readMultibyte(lead: UInt8, into text: inout [UInt8]) throws(JSONError) {
        let continuations: Int
        var allowed: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: continuations = 1
        case 0xE0: (continuations, allowed) = (2, 0xA0...0xBF)  // No overlong forms.
        case 0xED: (continuations, allowed) = (2, 0x80...0x9F)  // No surrogates.
        case 0xE1...0xEF: continuations = 2
        case 0xF0: (continuations, allowed) = (3, 0x90...0xBF)  // No overlong forms.
        case 0xF1...0xF3: continuations = 3
        case 0xF4: (continuations, allowed) = (3, 0x80...0x8F)  // Nothing beyond U+10FFFF.
        default: throw malformed
        }
        text.append(lead)
        offset += 1
        for _ in 0..<continuations {
            guard let byte = current, allowed.contains(byte) else { throw malformed }
            text.append(byte)
            offset += 1
            allowed = 0x80...0xBF
        }
    }

    private mutating func readEscape(into text: inout [UInt8]) throws(JSONError) {
        offset += 1
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(bytes[offset])
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): return try readUnicodeEscape(into: &text)
        default: throw malformed
        }
        offset += 1
    }

    /// Reads `uXXXX`, and the second half of a surrogate pair if this is the first (RFC 8259 §7).
    private mutating func readUnicodeEscape(into text: inout [UInt8]) throws(JSONError) {
        let start = offset
        var code = try codeUnit()
        if (0xD800..<0xDC00).contains(code) {
            guard take(UInt8(ascii: "\\")) else { throw .malformed(offset: start) }
            let second = try codeUnit()
            guard (0xDC00..<0xE000).contains(second) else { throw .malformed(offset: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (second - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw .malformed(offset: start) }
        text.append(contentsOf: scalar.utf8)
    }

    private mutating func codeUnit() throws(JSONError) -> UInt32 {
        guard take(UInt8(ascii: "u")) else { throw malformed }
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Self.hexDigit(byte) else { throw malformed }
            code = code << 4 | digit
            offset += 1
        }
        return code
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    // MARK: Bytes

    /// The next byte, or `nil` at the end of the text.
    private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private var malformed: JSONError { .malformed(offset: offset) }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }
}
