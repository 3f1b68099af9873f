// One text for every sequence of bytes (RFC 4648 §5, RFC 7515 §2).

import JOSE
import TestSupport
import Testing

@Suite struct Base64URLTests {
    @Test(arguments: [
        // RFC 4648 §10, less the padding.
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"),
        // RFC 7515 A.2.1's header.
        ("{\"alg\":\"RS256\"}", "eyJhbGciOiJSUzI1NiJ9"),
    ])
    func `the RFCs' examples encode and decode`(plain: String, encoded: String) throws {
        #expect(Base64URL.encode(Array(plain.utf8)) == Array(encoded.utf8))
        #expect(try Base64URL.decode(Array(encoded.utf8)) == Array(plain.utf8))
    }

    @Test func `RFC 7515 appendix C encodes without padding and with the URL alphabet`() throws {
        #expect(Base64URL.encode([3, 236, 255, 224, 193]) == Array("A-z_4ME".utf8))
        #expect(try Base64URL.decode(Array("A-z_4ME".utf8)) == [3, 236, 255, 224, 193])
    }

    @Test(arguments: [
        "Zg==", "Zg=", "Zm8=", "=", "Zm9v=", "Zm9vYg==",  // Padding.
        "Z", "Zm9vY", "Zm9vYmFyZ",  // A lone character carries no byte.
        "QR", "Zh", "Zv", "Z_", "Zm9", "Zm-", "Zm9vYm9",  // Bits behind the last byte.
        "Zm9v\n", " Zm9v", "Zm 9v", "Zm9v\r\n", "\tZm9v", "Zm9v\0",  // Whitespace.
        "+_8", "/_8", "A+z_", "A/z_", "Zm9v.", "Zm9v%3D", "Zm9é", "Zm9v,", "Zm9v[", "Zm9v@", "Zm9v`", "Zm9v{",
    ])
    func `another spelling is refused`(text: String) {
        #expect(throws: JOSEError.invalidBase64URL) { try Base64URL.decode(Array(text.utf8)) }
    }

    @Test func `exactly one of 64 last characters is right`() {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let two = alphabet.filter { (try? Base64URL.decode([UInt8(ascii: "Q"), $0])) == [0x41] }
        #expect(two == [UInt8(ascii: "Q")])
        #expect(alphabet.count { (try? Base64URL.decode([UInt8(ascii: "Q"), $0])) != nil } == 4)
        #expect(alphabet.count { (try? Base64URL.decode(Array("QU".utf8) + [$0])) != nil } == 16)
        #expect(alphabet.count { (try? Base64URL.decode(Array("QUF".utf8) + [$0])) != nil } == 64)
    }

    @Test func `only the 64 characters are in the alphabet`() {
        let accepted = (UInt8.min...UInt8.max).filter { (try? Base64URL.decode([0x41, 0x41, 0x41, $0])) != nil }
        #expect(accepted.count == 64)
    }

    @Test func `decoding undoes encoding`() throws {
        var random = SeededGenerator(seed: 1)
        for count in 0..<300 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let text = Base64URL.encode(bytes)
            #expect(try Base64URL.decode(text) == bytes)
            #expect(text.count == (count * 4 + 2) / 3)
        }
    }

    @Test func `a text that decodes is the encoding of what it decodes to`() {
        var random = SeededGenerator(seed: 2)
        var decoded = 0
        for _ in 0..<2_000 {
            let text = random.mutated(Array("eyJhbGciOiJSUzI1NiJ9".utf8))
            guard let bytes = try? Base64URL.decode(text) else { continue }
            decoded += 1
            #expect(Base64URL.encode(bytes) == text)
        }
        #expect(decoded > 100)
    }
}
