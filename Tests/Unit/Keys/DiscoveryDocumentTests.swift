// What the public plane serves: fixed bytes (OpenID Connect Discovery §3, RFC 7517 §5).

import Crypto
import Discovery
import JOSE
import Keys
import Testing

@Suite struct DiscoveryDocumentTests {
    private let golden =
        #"{"issuer":"https://ci.example.org/ci","jwks_uri":"https://ci.example.org/ci/.well-known/jwks","#
        + #""token_endpoint":"https://runner.example.org/token","subject_types_supported":["public"],"#
        + #""response_types_supported":["id_token"],"#
        + #""grant_types_supported":["urn:ietf:params:oauth:grant-type:token-exchange"],"#
        + #""token_endpoint_auth_methods_supported":["none"],"#
        + #""id_token_signing_alg_values_supported":["RS256","ES256"],"scopes_supported":["openid"],"#
        + #""claims_supported":["iss","sub","caf\u00e9"]}"#

    private func metadata() throws -> ProviderMetadata {
        ProviderMetadata(
            issuer: try IssuerIdentifier("https://ci.example.org/ci"),
            tokenEndpoint: "https://runner.example.org/token",
            claims: ["iss", "sub", "caf\u{E9}"]
        )
    }

    @Test func `the metadata is these bytes`() throws {
        #expect(try metadata().serialized == Array(golden.utf8))
        let document = PublishedDocument.providerMetadata(try metadata())
        #expect(document.body == Array(golden.utf8))
        #expect(document.contentType == "application/json")
        #expect(document.cacheControl == "public, max-age=3600")
    }

    @Test func `the required members are there and the issuer is exact`() throws {
        let object = try #require(try JSONReader.read(metadata().serialized).objectValue)
        // OpenID Connect Discovery §3, REQUIRED; authorization_endpoint only where there is one.
        for name in [
            "issuer", "jwks_uri", "response_types_supported", "subject_types_supported",
            "id_token_signing_alg_values_supported",
        ] as [ByteString] {
            #expect(object[name] != nil)
        }
        #expect(object["issuer"]?.stringValue == "https://ci.example.org/ci")
        #expect(object["authorization_endpoint"] == nil)
    }

    @Test func `the entity tag is the quoted hash of the bytes`() {
        let document = PublishedDocument(body: Array("hello".utf8), contentType: "text/plain", maximumAge: 7)
        // SHA-256 of "hello" in base64url.
        #expect(document.entityTag == "\"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ\"")
        #expect(document.cacheControl == "public, max-age=7")
        let hash = Base64URL.encode(Array(SHA256.hash(data: document.body)))
        #expect(document.entityTag.bytes == [0x22] + hash + [0x22])
        let other = PublishedDocument(body: Array("hello\n".utf8), contentType: "text/plain", maximumAge: 7)
        #expect(other.entityTag != document.entityTag)
        #expect(
            PublishedDocument(body: document.body, contentType: "a/b", maximumAge: 1).entityTag == document.entityTag
        )
    }

    @Test func `the key set publishes public members alone, in a fixed order`() throws {
        let ring = try TestKeys.fullRing()
        let document = PublishedDocument.jwkSet(ring.published, maximumAge: 300)
        #expect(document.cacheControl == "public, max-age=300")
        #expect(document.contentType == "application/json")
        let object = try #require(try JSONReader.read(document.body).objectValue)
        let keys = try #require(object["keys"]?.arrayValue)
        #expect(keys.count == 4)
        let names = keys.compactMap { $0.objectValue?.members.map(\.name) }
        // RFC 7518 §6.2.1, §6.3.1; threat G18: no d, p, q, dp, dq, qi, k.
        #expect(
            Set(names) == [["kty", "alg", "use", "kid", "crv", "x", "y"], ["kty", "alg", "use", "kid", "n", "e"]]
        )
        #expect(keys.compactMap { $0.objectValue?["kid"]?.stringValue } == ring.keys.map(\.kid))
        #expect(PublishedDocument.jwkSet(ring.published, maximumAge: 300) == document)
    }

    @Test func `the paths are those of the contract`() {
        #expect(WellKnownPath.configuration == "/.well-known/openid-configuration")
        #expect(WellKnownPath.jwkSet == "/.well-known/jwks")
        #expect(WellKnownPath.jwkSetAlias == "/.well-known/jwks.json")
    }
}
