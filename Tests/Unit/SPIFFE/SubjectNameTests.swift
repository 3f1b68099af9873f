// Names as operators write them (RFC 4514), and such as they must not.

import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite struct SubjectNameTests {
    /// What the certificate's name prints as.
    private func printed(_ text: ByteString) throws -> String {
        let samples = try Samples()
        return try Printed.subject(samples.svid(subject: SubjectName(parsing: text)).chain[0])
    }

    @Test(arguments: [
        "O=Acme Corp,OU=Engineering", "CN=a", "C=DE", "CN=a+OU=b,O=c", "CN=Lučić", "CN=a\\,b", "CN=\\#a",
        "CN=a\\+b\\\"c",
        "DC=example,DC=org", "STREET=1 Main St,L=Here,ST=There,C=US",
    ])
    func `a name is printed as it was written`(text: String) throws {
        #expect(try printed(ByteString(text)) == text)
    }

    @Test(arguments: [
        ("o=Acme , ou=Dev", "O=Acme,OU=Dev"), ("CN=\\61\\62", "CN=ab"), ("CN=a\\ ", "CN=a\\ "), ("CN= a", "CN=a"),
        ("CN=\\c3\\a9", "CN=é"), ("CN=a\\=b", "CN=a=b"), ("CN=a=b", "CN=a=b"),
    ])
    func `spaces around, letters' case and escapes mean what the standard says`(text: String, expected: String) throws {
        #expect(try printed(ByteString(text)) == expected)
    }

    @Test(arguments: [
        ("", SubjectNameError.malformed), (",", .malformed), ("a", .malformed), ("=a", .malformed),
        ("CN=a,", .malformed),
        ("CN=a,,O=b", .unknownAttribute), ("CN=a;O=b", .escapeInvalid), ("X=a", .unknownAttribute),
        ("2.5.4.3=a", .unknownAttribute), ("CN=", .valueInvalid), ("CN= ", .valueInvalid), ("CN=,O=b", .valueInvalid),
        ("CN=#0402", .escapeInvalid), ("CN=\"a\"", .escapeInvalid), ("CN=a\\", .escapeInvalid),
        ("CN=a\\g", .escapeInvalid),
        ("CN=a\\0", .escapeInvalid), ("CN=a\\00", .valueInvalid), ("CN=a\\0a", .valueInvalid),
        ("CN=a\nb", .valueInvalid),
        ("CN=a<b", .escapeInvalid), ("C=USA", .valueInvalid), ("C=U1", .valueInvalid), ("DC=é", .valueInvalid),
        ("CN=\\ff", .valueInvalid), ("CN =a", .unknownAttribute),
    ])
    func `what is no name is refused`(text: String, error: SubjectNameError) {
        #expect(throws: error) { try SubjectName(parsing: ByteString(text)) }
    }

    @Test func `names are bounded`() throws {
        let value = String(repeating: "é", count: 64)
        #expect(throws: Never.self) { try SubjectName(parsing: ByteString("CN=" + value)) }
        #expect(throws: SubjectNameError.valueInvalid) { try SubjectName(parsing: ByteString("CN=é" + value)) }
        let many = Array(repeating: "O=a", count: 16).joined(separator: ",")
        #expect(throws: Never.self) { try SubjectName(parsing: ByteString(many)) }
        #expect(throws: SubjectNameError.tooLong) { try SubjectName(parsing: ByteString(many + ",O=b")) }
        let long = ByteString([UInt8](repeating: 0x61, count: 1025))
        #expect(throws: SubjectNameError.tooLong) { try SubjectName(parsing: long) }
    }

    @Test func `no bytes trap`() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<2000 {
            _ = try? SubjectName(parsing: ByteString(random.mutated(Array("CN=a\\,b+O=\\61 c,C=DE".utf8))))
        }
    }
}
