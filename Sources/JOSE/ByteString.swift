// Text as the bytes it arrived in: the type of every name, claim and identifier we compare.

/// UTF-8 text that compares byte for byte.
///
/// `String` compares by canonical equivalence, so that `"é"` equals `"e\u{301}"`. Issuers, audiences, key ids and JSON
/// member names have to match exactly (RFC 7519 §2 "StringOrURI": case-sensitive strings with no transformations or
/// canonicalizations applied), which makes `String` the wrong type for them.
///
/// The bytes are usually valid UTF-8, always so when they come from ``JSONReader``, but nothing enforces it.
package struct ByteString: Hashable, Sendable {
    /// The text's bytes, unchanged.
    package let bytes: [UInt8]

    /// Creates text from a string's UTF-8.
    package init(_ string: String) {
        bytes = Array(string.utf8)
    }

    /// Creates text from bytes, which are kept as they are.
    package init(_ bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
    }

    /// Creates text from an array, which is shared and not copied.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The text as a `String`; bytes that are not UTF-8 become U+FFFD.
    ///
    /// For display, never for comparison.
    package var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether there are no bytes.
    package var isEmpty: Bool { bytes.isEmpty }

    /// The number of bytes.
    package var count: Int { bytes.count }

    /// Whether the first bytes are those of `other`.
    package func hasPrefix(_ other: ByteString) -> Bool {
        bytes.starts(with: other.bytes)
    }

    /// Whether the last bytes are those of `other`.
    package func hasSuffix(_ other: ByteString) -> Bool {
        bytes.count >= other.bytes.count && bytes.suffix(other.bytes.count).elementsEqual(other.bytes)
    }

    /// The bytes of one text followed by those of another.
    package static func + (left: ByteString, right: ByteString) -> ByteString {
        ByteString(left.bytes + right.bytes)
    }
}

extension ByteString: Comparable {
    /// Orders by unsigned byte values; a prefix comes before what it is a prefix of.
    package static func < (left: ByteString, right: ByteString) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension ByteString: ExpressibleByStringLiteral {
    /// Creates text from a literal's UTF-8.
    package init(stringLiteral value: String) {
        self.init(value)
    }
}

extension ByteString: CustomStringConvertible {
    /// The same as ``string``.
    package var description: String { string }
}
