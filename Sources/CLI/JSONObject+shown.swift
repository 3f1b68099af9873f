import JOSE

extension JSONObject {
    /// The objects of an array member.
    func rows(_ name: ByteString) -> [JSONObject] {
        guard case .array(let values)? = self[name] else { return [] }
        return values.compactMap { value in
            if case .object(let object) = value { object } else { nil }
        }
    }

    /// A member as a person reads it; empty where it is absent.
    func shown(_ name: ByteString) -> String {
        self[name].map(Self.text) ?? ""
    }

    /// The object on one line.
    var line: String {
        String(decoding: serialized, as: UTF8.self)
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text.string
        case .integer(let number): String(number)
        case .array(let values): values.map(text).joined(separator: " ")
        case .null, .bool, .number, .object: String(decoding: value.serialized, as: UTF8.self)
        }
    }
}
