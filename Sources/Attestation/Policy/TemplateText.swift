import JOSE

/// Text with attributes of a workload in it, taken apart: what a value holds is never read as a template again.
struct TemplateText: Hashable {
    enum Part: Hashable {
        case literal(ByteString)
        case attribute(WorkloadAttribute)
    }

    let parts: [Part]

    init(_ text: ByteString) throws(TemplateProblem) {
        guard text.count <= 1024 else { throw .tooLong }
        var parts: [Part] = []
        var rest = text.bytes[...]
        while !rest.isEmpty {
            let literal = rest.prefix { !"{}".utf8.contains($0) }
            if !literal.isEmpty { parts.append(.literal(ByteString(literal))) }
            rest = rest.dropFirst(literal.count)
            if !rest.isEmpty { parts.append(.attribute(try Self.attribute(&rest))) }
        }
        self.parts = parts
    }

    var attributes: [WorkloadAttribute] {
        parts.compactMap { if case .attribute(let attribute) = $0 { attribute } else { nil } }
    }

    /// The text with each value written by `write`.
    func rendered(
        for attributes: WorkloadAttributes,
        _ write: (ByteString) -> ByteString
    ) throws(SVIDRefusal) -> ByteString {
        var bytes: [UInt8] = []
        for part in parts {
            switch part {
            case .literal(let literal): bytes += literal.bytes
            case .attribute(let attribute): bytes += write(try attributes.required(attribute)).bytes
            }
        }
        return ByteString(bytes)
    }

    private static func attribute(_ rest: inout ArraySlice<UInt8>) throws(TemplateProblem) -> WorkloadAttribute {
        guard rest.starts(with: "{{".utf8) else { throw .malformed }
        let inside = rest.dropFirst(2)
        let name = inside.prefix { !"{}".utf8.contains($0) }
        let after = inside.dropFirst(name.count)
        guard after.starts(with: "}}".utf8) else { throw .malformed }
        rest = after.dropFirst(2)
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") }
        let bare = ByteString(name.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
        do throws(WorkloadAttribute.Invalid) {
            return try WorkloadAttribute(bare)
        } catch {
            throw .attribute(error)
        }
    }
}
