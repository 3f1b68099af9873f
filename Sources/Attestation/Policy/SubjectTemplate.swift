package import JOSE

/// The subject of X.509-SVIDs as RFC 4514 text, in which attributes of the workload may stand for values.
package struct SubjectTemplate: Hashable, Sendable {
    package let text: ByteString
    private let template: TemplateText

    package init(_ text: ByteString) throws(TemplateProblem) {
        self.text = text
        template = try TemplateText(text)
        guard Self.isDistinguishedName(template.parts) else { throw .notDistinguishedName }
    }

    /// The subject, each value escaped (RFC 4514 §2.4): none can end its own place or begin another.
    func subject(for attributes: WorkloadAttributes) throws(SVIDRefusal) -> ByteString {
        try template.rendered(for: attributes, Self.escaped)
    }

    /// Printable ASCII beyond letters, digits, `-`, `.`, `_`, `/`, `:` and `@` is escaped as hexadecimal, and so is every
    /// other byte: that is right at any place in a value.
    static func escaped(_ value: ByteString) -> ByteString {
        var bytes: [UInt8] = []
        for byte in value.bytes {
            if isPlain(byte) { bytes.append(byte) } else { bytes += hexadecimal(byte) }
        }
        return ByteString(bytes)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._/:@".utf8.contains(byte)
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [UInt8(ascii: "\\"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
    }

    /// Whether attributes stand in values only.
    ///
    /// Each item, of those that commas and plus signs separate, has to begin with a fixed type and `=`. The rest of the
    /// grammar is the reader's of the finished name.
    private static func isDistinguishedName(_ parts: [TemplateText.Part]) -> Bool {
        var isInValue = false
        var type: [UInt8] = []
        for part in parts {
            guard case .literal(let literal) = part else {
                if !isInValue { return false }
                continue
            }
            var isEscaped = false
            for byte in literal.bytes {
                guard (0x20...0x7E).contains(byte) else { return false }
                if isInValue {
                    if !isEscaped, byte == UInt8(ascii: ",") || byte == UInt8(ascii: "+") {
                        isInValue = false
                        type = []
                    }
                    isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                } else if byte == UInt8(ascii: "=") {
                    guard !type.isEmpty else { return false }
                    isInValue = true
                } else {
                    guard isTypeByte(byte) || (byte == UInt8(ascii: " ") && type.isEmpty) else { return false }
                    if byte != UInt8(ascii: " ") { type.append(byte) }
                }
            }
            // A backslash must not escape what a value begins with.
            if isEscaped { return false }
        }
        return isInValue
    }

    private static func isTypeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
