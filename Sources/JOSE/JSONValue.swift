// JSON values as exact data: nothing is rounded, reordered or normalised between reading and writing.

/// One JSON value (RFC 8259 §3).
///
/// Equality is exact: members in another order, or a number spelled in another way, make another value.
package enum JSONValue: Hashable, Sendable {
    /// The literal `null`.
    case null

    /// The literals `true` and `false`.
    case bool(Bool)

    /// A number written as an integer (no fraction, no exponent, not `-0`) that fits 64 bits.
    case integer(Int64)

    /// Any other number, as it was written: `1.0`, `1e3`, `-0`, 2^63.
    ///
    /// Text that is not a number in RFC 8259 §6's grammar is written out as `null`, so a made-up literal cannot smuggle
    /// anything into a document.
    case number(ByteString)

    /// A string, unescaped.
    case string(ByteString)

    /// Values in order.
    case array([JSONValue])

    /// Members in order, with unique names.
    case object(JSONObject)

    /// The value as compact JSON in ASCII.
    ///
    /// No whitespace. `"` and `\` are escaped with a backslash; control characters, DEL and everything outside ASCII are
    /// written `\uXXXX` in lower-case hex, beyond the basic plane as surrogate pairs. Bytes that are not UTF-8 are
    /// written as U+FFFD. What ``JSONReader`` read is read again as the same value.
    package var serialized: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }

    /// The string, if this is one.
    package var stringValue: ByteString? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The integer, if this is one that fits 64 bits.
    package var integerValue: Int64? {
        if case .integer(let integer) = self { integer } else { nil }
    }

    /// The truth value, if this is one.
    package var boolValue: Bool? {
        if case .bool(let bool) = self { bool } else { nil }
    }

    /// The elements, if this is an array.
    package var arrayValue: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members, if this is an object.
    package var objectValue: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }
}
