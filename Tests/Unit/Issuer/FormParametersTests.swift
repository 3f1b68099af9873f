// Queries and forms (CONTRACT "POST {issuer}/token"; threats A02, A11, C05).

import Issuer
import JOSE
import Policy
import TestSupport
import Testing

@Suite struct FormParametersTests {
    private func pairs(_ text: String) throws -> [[String]] {
        try FormParameters(parsing: text.utf8).pairs.map { [$0.name.string, $0.value.string] }
    }

    @Test(
        arguments: [
            ("", []), ("a=b", [["a", "b"]]), ("a=b&c=d", [["a", "b"], ["c", "d"]]), ("a", [["a", ""]]),
            ("a=", [["a", ""]]),
            ("=b", [["", "b"]]), ("&&a=b&", [["a", "b"]]), ("a=b=c", [["a", "b=c"]]), ("a=b+c", [["a", "b c"]]),
            ("a=b%20c", [["a", "b c"]]), ("a=%2B", [["a", "+"]]), ("%61=%62", [["a", "b"]]),
            ("a=%C3%A9", [["a", "\u{E9}"]]),
            ("a=https%3a%2F%2Fx", [["a", "https://x"]]), ("a=https://x?y", [["a", "https://x?y"]]),
            ("a=1&a=2", [["a", "1"], ["a", "2"]]),
        ] as [(String, [[String]])]
    )
    func `pairs are read in order`(text: String, expected: [[String]]) throws {
        #expect(try pairs(text) == expected)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%4g", "%zz=1", "a=b&c=%", "a=% 1", "a=%+1"])
    func `a percent sign without two digits is refused`(text: String) {
        #expect(throws: Refusal(.malformedForm)) { try pairs(text) }
    }

    @Test func `there are at most 32`() throws {
        #expect(try pairs((0..<32).map { "a\($0)=b" }.joined(separator: "&")).count == 32)
        #expect(throws: Refusal(.tooMany)) { try pairs((0..<33).map { "a\($0)=b" }.joined(separator: "&")) }
    }

    @Test func `a parameter that comes twice is no single one`() throws {
        let form = try FormParameters(parsing: "a=1&b=2&a=3&c".utf8)
        #expect(try form.single("b") == "2")
        #expect(try form.single("c") == "")
        #expect(try form.single("d") == nil)
        #expect(throws: Refusal(.repeatedParameter, "a")) { try form.single("a") }
        #expect(form.values("a") == ["1", "3"])
        #expect(throws: Refusal(.unknownParameter, "c")) { try form.refuseAllBut(["a", "b"]) }
        #expect(throws: Never.self) { try form.refuseAllBut(["a", "b", "c"]) }
    }

    @Test func `decoding undoes encoding`() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let encoded = PercentEncoding.encode(ByteString(bytes), reserved: Array("+&=:".utf8))
            #expect(encoded.bytes.allSatisfy { (0x21...0x7E).contains($0) && !":+&=".utf8.contains($0) })
            #expect(PercentEncoding.decodedForm(encoded.bytes[...]) == ByteString(bytes))
        }
    }
}
