package import JOSE

/// Text with attributes of a job in it: `{{repository}}`.
///
/// It is expanded once; what a value holds is never read as a template again.
package struct Template: Hashable, Sendable {
    package enum Part: Hashable, Sendable {
        case literal(ByteString)
        case attribute(Attribute)
    }

    package let text: ByteString
    package let parts: [Part]

    package init(_ text: ByteString) throws(TemplateError) {
        self.text = text
        var parts: [Part] = []
        var rest = text.bytes[...]
        while !rest.isEmpty {
            if rest.starts(with: Self.opening) {
                parts.append(.attribute(try Self.attribute(&rest)))
            } else {
                let literal = rest.prefix { $0 != UInt8(ascii: "{") }
                guard !literal.isEmpty, literal.allSatisfy(Self.isLiteral) else {
                    throw literal.isEmpty ? .malformed : .literalInvalid
                }
                parts.append(.literal(ByteString(literal)))
                rest = rest.dropFirst(literal.count)
            }
        }
        self.parts = parts
        guard !attributes.isEmpty else { throw .isStatic }
        guard areValuesSeparated else { throw .valuesNotSeparated }
    }

    package var attributes: [Attribute] {
        parts.compactMap { if case .attribute(let attribute) = $0 { attribute } else { nil } }
    }

    /// Renders the parts, each value by `write`.
    func rendered(
        for job: JobDescription,
        _ write: (ByteString) -> ByteString
    ) throws(Denial) -> ByteString {
        var bytes: [UInt8] = []
        for part in parts {
            switch part {
            case .literal(let literal): bytes += literal.bytes
            case .attribute(let attribute):
                guard let value = job[attribute] else { throw .attributeMissing(attribute) }
                bytes += write(value).bytes
            }
        }
        return ByteString(bytes)
    }

    /// A value written so that it holds no `:`.
    static func escaped(_ value: ByteString) -> ByteString {
        PercentEncoding.encode(value, reserved: [UInt8(ascii: ":")])
    }

    private static let opening = Array("{{".utf8)
    private static let closing = Array("}}".utf8)

    private static func attribute(_ rest: inout ArraySlice<UInt8>) throws(TemplateError) -> Attribute {
        let inside = rest.dropFirst(opening.count)
        let name = inside.prefix { $0 != UInt8(ascii: "}") }
        let after = inside.dropFirst(name.count)
        guard after.starts(with: closing) else { throw .malformed }
        rest = after.dropFirst(closing.count)
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") }
        let bare = ByteString(name.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
        guard let attribute = Attribute(bare), attribute.isIdentity else { throw .unknownAttribute(bare) }
        return attribute
    }

    private var areValuesSeparated: Bool {
        var isColonDue = false
        for part in parts {
            switch part {
            case .attribute where isColonDue: return false
            case .attribute: isColonDue = true
            case .literal(let literal): if literal.bytes.contains(UInt8(ascii: ":")) { isColonDue = false }
            }
        }
        return true
    }

    private static func isLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "-_./@:+=,~".utf8.contains(byte)
        }
    }
}
