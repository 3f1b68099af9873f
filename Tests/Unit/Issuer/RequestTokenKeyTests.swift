// Request tokens: computed, never stored (threats A01, A03, A10).

import Crypto
import Issuer
import JOSE
import TestSupport
import Testing

@Suite struct RequestTokenKeyTests {
    private let key = RequestTokenKey(secret: [UInt8](repeating: 1, count: 32))

    private func job() throws -> JobID {
        try #require(JobID(Array("0123456789abcdef0123456789abcdef".utf8)))
    }

    @Test func `a token is made and recognised`() throws {
        let token = key.token(for: try job())
        #expect(token.hasPrefix("jwj_0123456789abcdef0123456789abcdef_"))
        #expect(token.count == 80)
        #expect(try key.job(of: token) == job())
        // The same every time: a repeated registration gets the same one.
        #expect(try key.token(for: job()) == token)
    }

    @Test func `the code is HMAC-SHA256 over the job's name in its context`() throws {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("jobsworth request token 0123456789abcdef0123456789abcdef".utf8),
            using: SymmetricKey(data: [UInt8](repeating: 1, count: 32))
        )
        #expect(try key.token(for: job()).hasSuffix("_" + ByteString(Base64URL.encode(Array(code)))))
    }

    @Test func `any flipped bit is refused`() throws {
        let token = key.token(for: try job()).bytes
        for index in token.indices {
            for bit in 0..<8 {
                var changed = token
                changed[index] ^= 1 << UInt8(bit)
                #expect(key.job(of: ByteString(changed)) == nil, "bit \(bit) of byte \(index)")
            }
        }
    }

    @Test func `a token that is cut, longer or in another spelling is refused`() throws {
        let token = key.token(for: try job()).string
        for count in 0..<token.count { #expect(key.job(of: ByteString(String(token.prefix(count)))) == nil) }
        for other in [
            token + "=", token + "A", " " + token, token + "\n", "bearer " + token, token.uppercased(),
            token.replacingOccurrences("abcdef", "ABCDEF"), "jwr_" + token.dropFirst(4), "",
        ] {
            #expect(key.job(of: ByteString(other)) == nil)
        }
    }

    @Test func `another key's token is refused`() throws {
        let other = RequestTokenKey(secret: [UInt8](repeating: 2, count: 32))
        #expect(other.job(of: key.token(for: try job())) == nil)
    }

    @Test func `the code of one job does not fit another`() throws {
        let other = try #require(JobID(Array("1123456789abcdef0123456789abcdef".utf8)))
        let token = ByteString("jwj_") + other.text + ByteString(key.token(for: try job()).bytes.suffix(44))
        #expect(key.job(of: token) == nil)
    }

    @Test func `a new secret has 32 random bytes`() {
        var random = SeededGenerator(seed: 1)
        let one = RequestTokenKey.randomSecret(using: &random)
        let other = RequestTokenKey.randomSecret(using: &random)
        #expect(one.count == 32)
        #expect(one != other)
    }

    @Test(arguments: [
        "", "0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg",
        "0123456789abcdef0123456789abcdef0", "../../../../../../../../../../../e",
        "0123456789abcdef0123456789abcde\u{301}",
    ])
    func `a job id has one spelling`(text: String) {
        #expect(JobID(Array(text.utf8)) == nil)
    }

    // A10: 128 random bits.
    @Test func `job ids do not come twice`() {
        var random = SystemRandomNumberGenerator()
        let ids = (0..<2000).map { _ in JobID.random(using: &random) }
        #expect(Set(ids).count == 2000)
        #expect(ids.allSatisfy { JobID($0.text.bytes) == $0 })
    }
}

extension String {
    fileprivate func replacingOccurrences(_ part: String, _ other: String) -> String {
        split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
    }
}
