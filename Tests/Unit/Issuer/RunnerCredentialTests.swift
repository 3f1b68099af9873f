// The secret of a runner (threats A01, A18).

import Crypto
import Issuer
import JOSE
import Testing

@Suite struct RunnerCredentialTests {
    @Test func `a new credential has the prefix and 256 random bits`() throws {
        var random = SystemRandomNumberGenerator()
        let all = (0..<200).map { _ in RunnerCredential.random(using: &random) }
        #expect(Set(all.map(\.secret)).count == 200)
        for credential in all {
            #expect(credential.secret.hasPrefix("jwr_"))
            #expect(credential.secret.count == 47)
            #expect(try Base64URL.decode(credential.secret.bytes.dropFirst(4)).count == 32)
            let read = try #require(RunnerCredential(credential.secret))
            #expect(read.digest == credential.digest)
        }
        #expect(Set(all.map(\.digest)).count == 200)
    }

    @Test func `the digest is SHA-256 of the whole secret`() throws {
        let text = "jwr_" + String(repeating: "A", count: 43)
        let credential = try #require(RunnerCredential(ByteString(text)))
        #expect(credential.digest.bytes == Array(SHA256.hash(data: Array(text.utf8))))
    }

    @Test(arguments: [
        "", "jwr_", "jwr_" + String(repeating: "A", count: 42), "jwr_" + String(repeating: "A", count: 44),
        "jwj_" + String(repeating: "A", count: 43), "JWR_" + String(repeating: "A", count: 43),
        "jwr_" + String(repeating: "A", count: 42) + "=", "jwr_" + String(repeating: "A", count: 42) + "+",
        // Bits that carry nothing: the last character has to be canonical.
        "jwr_" + String(repeating: "A", count: 42) + "B", " jwr_" + String(repeating: "A", count: 42),
    ])
    func `what has not the shape of a credential is none`(text: String) {
        #expect(RunnerCredential(ByteString(text)) == nil)
    }

    // G14: no print of a credential shows it.
    @Test func `nothing prints it`() {
        var random = SystemRandomNumberGenerator()
        let credential = RunnerCredential.random(using: &random)
        var dumped = ""
        dump([credential], to: &dumped)
        for text in ["\(credential)", "\([credential])", String(reflecting: credential), dumped] {
            #expect(!text.contains(credential.secret.string))
            #expect(!text.contains("jwr_"))
        }
    }

    @Test(arguments: [
        ("builder", true), ("b", true), ("0", true), ("a.b-c_D9", true), (String(repeating: "a", count: 64), true),
        ("", false), (".a", false), ("-a", false), ("_a", false), ("a b", false), ("a/b", false), ("\u{E9}", false),
        ("a\n", false), (String(repeating: "a", count: 65), false), ("a\u{301}", false),
    ])
    func `a runner's name is plain`(name: String, isValid: Bool) {
        #expect(Runner.isValidName(ByteString(name)) == isValid)
    }
}
