// Whom a token is for (threats A11, A12).

import Issuer
import JOSE
import Testing

@Suite struct AudienceTests {
    @Test(arguments: [
        "sts.amazonaws.com", "sigstore", "api://AzureADTokenExchange", "https://vault.example/x?y#z", "a", "!~", "\"\\",
        String(repeating: "a", count: 255),
    ])
    func `1 to 255 printable ASCII bytes are an audience`(text: String) throws {
        #expect(try Audience(ByteString(text)).value.string == text)
    }

    @Test(arguments: [
        "", " ", "a b", " a", "a ", "a\t", "a\n", "a\0", "\0", "\u{7F}", "\u{E9}", "a\u{301}", "\u{200B}", "\u{2028}",
        "\u{212A}", String(repeating: "a", count: 256), String(repeating: "a", count: 65_536),
    ])
    func `anything else is none`(text: String) {
        #expect(throws: Refusal(.audienceInvalid)) { try Audience(ByteString(text)) }
        #expect(throws: Refusal.self) { try Audiences(["good", ByteString(text)]) }
    }

    @Test func `a token has 1 to 4 audiences, no two alike`() throws {
        #expect(throws: Refusal(.audienceMissing)) { try Audiences([]) }
        #expect(throws: Refusal(.tooMany, "audience")) { try Audiences(["a", "b", "c", "d", "e"]) }
        #expect(throws: Refusal(.tooMany, "audience")) { try Audiences([ByteString](repeating: "a", count: 10_000)) }
        #expect(throws: Refusal(.audienceInvalid)) { try Audiences(["a", "b", "a"]) }
        #expect(try Audiences(["d", "c", "b", "a"]).all.map(\.value) == ["d", "c", "b", "a"])
        // Bytes: case is not folded.
        #expect(try Audiences(["a", "A"]).all.count == 2)
    }

    @Test func `one is a string, several are an array`() throws {
        #expect(try Audiences(["a"]).claim == "a")
        #expect(try Audiences(["b", "a"]).claim == .array(["b", "a"]))
    }
}
