// Text is compared as bytes.

import JOSE
import Testing

@Suite struct ByteStringTests {
    @Test func `canonically equivalent strings are different texts`() {
        #expect("\u{E9}" == "e\u{301}")
        #expect(ByteString("\u{E9}") != ByteString("e\u{301}"))
        // U+212A KELVIN SIGN is canonically equivalent to K.
        #expect(ByteString("ES256\u{212A}") != "ES256K")
    }

    @Test func `prefix, suffix and order go by bytes`() {
        let text: ByteString = "https://ci.example"
        #expect(text.hasPrefix("https://"))
        #expect(text.hasPrefix(""))
        #expect(!text.hasPrefix("https://ci.example/"))
        #expect(text.hasSuffix(".example"))
        #expect(text.hasSuffix(""))
        #expect(!text.hasSuffix("https://https://ci.example"))
        #expect(ByteString("Z") < "a")
        #expect(ByteString("a") < "aa")
        #expect(ByteString("z") < "\u{E9}")
        #expect(!(ByteString("a") < "a"))
    }

    @Test func `joining and showing keep the bytes`() {
        let text = ByteString("repo:") + ByteString([0x61, 0xC3, 0xA9])
        #expect(text.bytes == Array("repo:aé".utf8))
        #expect(text.string == "repo:aé")
        #expect(text.count == 8)
        #expect(!text.isEmpty)
        #expect(ByteString("").isEmpty)
        #expect(ByteString([0xFF]).string == "\u{FFFD}")
    }
}
