private import Crypto
package import JOSE

/// A document of the public plane, rendered once and then served as it is from memory.
package struct PublishedDocument: Hashable, Sendable {
    package let body: [UInt8]
    package let contentType: ByteString
    /// A strong validator: the hash of the bytes, quoted (RFC 9110 §8.8.3).
    package let entityTag: ByteString
    package let cacheControl: ByteString

    /// A document that a verifier may keep for `maximumAge` seconds.
    package init(body: [UInt8], contentType: ByteString, maximumAge: Int64) {
        self.body = body
        self.contentType = contentType
        self.entityTag = "\"" + ByteString(Base64URL.encode(Array(SHA256.hash(data: body)))) + "\""
        self.cacheControl = ByteString("public, max-age=\(maximumAge)")
    }

    /// The same bytes, to be asked for again before each use (RFC 9111 §5.2.2.1): there may be a newer document.
    package var notKept: PublishedDocument {
        PublishedDocument(body: body, contentType: contentType, maximumAge: 0)
    }

    package static func providerMetadata(_ metadata: ProviderMetadata) -> PublishedDocument {
        PublishedDocument(
            body: metadata.serialized,
            contentType: "application/json",
            maximumAge: CacheLifetime.providerMetadata
        )
    }

    package static func jwkSet(_ set: JWKSet, maximumAge: Int64) -> PublishedDocument {
        PublishedDocument(body: set.serialized, contentType: "application/json", maximumAge: maximumAge)
    }
}
