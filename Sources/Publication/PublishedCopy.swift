package import JOSE

/// What was read back from a place.
package struct PublishedCopy: Hashable, Sendable {
    /// Where it was read: a URL or a path.
    package let location: String
    package let body: [UInt8]
    /// Nil where the place keeps none, as a directory; empty where a server sent none.
    package let contentType: ByteString?

    package init(location: String, body: [UInt8], contentType: ByteString?) {
        self.location = location
        self.body = body
        self.contentType = contentType
    }

    /// The type without its parameters, in lower case (RFC 9110 §8.3.1).
    var mediaType: ByteString? {
        contentType.map { type in
            let bytes = type.bytes.prefix { $0 != UInt8(ascii: ";") }
            return ByteString(
                String(decoding: bytes, as: UTF8.self).lowercased().utf8.filter { $0 != 0x20 && $0 != 0x09 }
            )
        }
    }
}
