// The stored form: whole or refused (threats G07, G08).

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct KeyRingDocumentTests {
    @Test func `a ring is read back as it was written`() throws {
        let rings = try [
            KeyRing(), TestKeys.smallRing(), TestKeys.fullRing(),
            TestKeys.fullRing().activating(TestKeys.es256(1).kid, at: time(9000)),
        ]
        for ring in rings { #expect(try KeyRingDocument.read(KeyRingDocument.write(ring)) == ring) }
    }

    @Test func `the empty ring is this document`() {
        #expect(KeyRingDocument.write(KeyRing()) == Array(#"{"version":0,"keys":[]}"#.utf8))
    }

    @Test func `no private half is in it unsealed`() throws {
        let ring = try TestKeys.fullRing()
        let text = ByteString(KeyRingDocument.write(ring)).string
        for key in ring.keys {
            let sealed = try #require(key.sealedPrivateKey)
            let context = "jobsworth signing key " + key.kid
            let der = try TestKeys.sealer.get().unseal(sealed, context: context)
            #expect(!text.contains(ByteString(Base64URL.encode(der)).string))
            #expect(!text.contains(ByteString(Base64URL.encode(der.dropFirst(36).prefix(30))).string))
        }
        for member in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"k\""] {
            #expect(!text.contains(member + ":"))
        }
    }

    @Test(arguments: [
        // Not JSON, not an object.
        "", "{", "[]", "null", "\u{FEFF}{\"version\":0,\"keys\":[]}",
        // A member is missing or has another type.
        "{}", #"{"version":0}"#, #"{"keys":[]}"#, #"{"version":"0","keys":[]}"#, #"{"version":0,"keys":{}}"#,
        #"{"version":1.5,"keys":[]}"#, #"{"version":0,"keys":[{}]}"#, #"{"version":0,"keys":[5]}"#,
        // A member twice, a member that this version does not know.
        #"{"version":0,"version":0,"keys":[]}"#, #"{"version":0,"keys":[],"newer":1}"#,
    ])
    func `a document that we did not write is refused`(text: String) {
        #expect(throws: KeyRingError.malformedDocument) { try KeyRingDocument.read(Array(text.utf8)) }
    }

    @Test(arguments: [
        // Optional members of the wrong type must not read as absent: a date or a private half would be lost.
        (#""activatedAt":2000"#, #""activatedAt":"2000""#), (#""activatedAt":2000"#, #""activatedAt":null"#),
        (#""sealed":""#, #""sealed":"=""#), (#""preparedAt":1000"#, #""preparedAt":1000.0"#),
        (#""state":"prepared""#, #""state":"Prepared""#), (#""state":"prepared""#, #""state":"unknown""#),
        // One algorithm outside, another inside.
        (#""algorithm":"ES256""#, #""algorithm":"RS256""#), (#""algorithm":"ES256""#, #""algorithm":"ES384""#),
        (#""alg":"ES256","#, ""),
        // Two keys that sign with one algorithm.
        (#""state":"prepared""#, #""state":"active""#),
        // A published name that is not the thumbprint (RFC 7638).
        (#""kid":""#, #""kid":"x"#),
        // A member that is unknown: a newer version's knowledge must not be dropped.
        (#""preparedAt":1000"#, #""preparedAt":1000,"newer":1"#),
    ])
    func `a document with one thing changed is refused`(original: String, changed: String) throws {
        let text = ByteString(KeyRingDocument.write(try TestKeys.smallRing())).string
        let parts = text.split(separator: original, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let document = Array((parts[0] + changed + parts[1]).utf8)
        #expect(throws: KeyRingError.malformedDocument) { try KeyRingDocument.read(document) }
    }

    @Test func `a document that is cut short is refused`() throws {
        let document = KeyRingDocument.write(try TestKeys.smallRing())
        for count in document.indices {
            #expect(throws: KeyRingError.malformedDocument) { try KeyRingDocument.read(Array(document.prefix(count))) }
        }
    }

    @Test func `a flipped bit is never a ring that signs or publishes under a wrong name`() throws {
        let ring = try TestKeys.smallRing()
        let document = KeyRingDocument.write(ring)
        let sealer = try TestKeys.sealer.get()
        var random = SeededGenerator(seed: 3)
        for index in document.indices {
            var changed = document
            changed[index] ^= 1 << UInt8.random(in: 0..<7, using: &random)
            guard let read = try? KeyRingDocument.read(changed) else { continue }
            #expect(read != ring)
            #expect(
                read.published.serialized == JWKSet(read.keys.filter(\.state.isPublished).map(\.publicKey)).serialized
            )
            for key in read.keys { #expect(key.publicKey.keyID == key.kid) }
            // What opens after all is one of the keys that were there.
            guard let keys = try? SigningKeys(opening: read, with: sealer), let signer = try? keys.signer(.ES256)
            else { continue }
            #expect(ring.key(signer.kid) != nil)
            #expect(signer.key.publicKey.thumbprint == signer.kid)
        }
    }
}
