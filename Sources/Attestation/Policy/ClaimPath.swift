package import JOSE

/// Where a claim's value is in a token: `repository`, `kubernetes.pod`, `groups[0]`, `labels[com.example.team]`.
///
/// A dot and a bracket each go one step down: by name into an object, by position into an array. In brackets any name
/// may stand, dots included.
package struct ClaimPath: Hashable, Sendable {
    package let text: ByteString
    private let steps: [ByteString]

    /// Nil unless there are 1 to 8 steps, each of a name or bracketed text of printable ASCII.
    package init?(_ text: ByteString) {
        var rest = text.bytes[...]
        var steps: [ByteString] = []
        while !rest.isEmpty {
            guard let step = Self.step(&rest, isFirst: steps.isEmpty) else { return nil }
            steps.append(step)
        }
        guard (1...8).contains(steps.count) else { return nil }
        self.text = text
        self.steps = steps
    }

    /// The name of the claim that the path begins with.
    package var claim: ByteString { steps[0] }

    /// What stands there; null is the same as nothing.
    package func value(in claims: JSONObject) -> JSONValue? {
        var value = JSONValue.object(claims)
        for step in steps {
            guard let next = Self.child(step, of: value), next != .null else { return nil }
            value = next
        }
        return value
    }

    /// A single value as text: a string as it is, an integer in digits, `true` or `false`.
    ///
    /// Nil for a list, an object, and a number that is no integer of 64 bits: its spelling is its writer's choice.
    package static func text(_ value: JSONValue) -> ByteString? {
        switch value {
        case .string(let text): text
        case .integer(let integer): ByteString(String(integer))
        case .bool(let bool): bool ? "true" : "false"
        case .null, .number, .array, .object: nil
        }
    }

    private static func step(_ rest: inout ArraySlice<UInt8>, isFirst: Bool) -> ByteString? {
        if rest.first == UInt8(ascii: "[") { return bracketed(&rest) }
        if !isFirst {
            guard rest.first == UInt8(ascii: ".") else { return nil }
            rest = rest.dropFirst()
        }
        let name = rest.prefix(while: isNameByte)
        rest = rest.dropFirst(name.count)
        return name.isEmpty ? nil : ByteString(name)
    }

    private static func bracketed(_ rest: inout ArraySlice<UInt8>) -> ByteString? {
        let inside = rest.dropFirst().prefix { $0 != UInt8(ascii: "]") }
        guard !inside.isEmpty, inside.allSatisfy(isBracketedByte), rest.count > inside.count + 1 else { return nil }
        rest = rest.dropFirst(inside.count + 2)
        return ByteString(inside)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func isBracketedByte(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && !"[]{}".utf8.contains(byte)
    }

    private static func child(_ step: ByteString, of value: JSONValue) -> JSONValue? {
        switch value {
        case .object(let object): return object[step]
        case .array(let elements):
            guard let index = Int(step.string), ByteString(String(index)) == step, elements.indices.contains(index)
            else { return nil }
            return elements[index]
        default: return nil
        }
    }
}
