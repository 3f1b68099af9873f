// What a place may be called, and what is never shown.

import Discovery
import JOSE
import Testing

@testable import Publication

@Suite struct PublicationValuesTests {
    @Test(arguments: [
        (".well-known/jwks", true), ("a", true), ("a..b/~c", true), ("", false), ("/a", false), ("a/", false),
        ("a//b", false), (".", false), ("a/../b", false), ("...", false), ("a b", false), ("a%2Fb", false),
        ("a?b", false), ("é", false), ("a\0b", false), ("a\\b", false),
    ])
    func `a path leads to one file below the place`(path: String, isPlain: Bool) {
        #expect(PlainPath.isPlain(ByteString(path)) == isPlain)
        let document = PublishedDocument(body: [], contentType: "application/json", maximumAge: 1)
        #expect((PublicationFile(path: ByteString(path), document: document) != nil) == isPlain)
    }

    @Test(arguments: [
        ("https://ci.example.org", "", "ci.example.org"), ("https://ci.example.org/", "", "ci.example.org"),
        ("https://dav.example.org:8443/ci/x/", "/ci/x", "dav.example.org:8443"),
        ("http://127.0.0.1:9000", "", "127.0.0.1:9000"), ("http://[::1]:9000/a", "/a", "[::1]:9000"),
    ])
    func `a URL is taken apart`(text: String, path: String, authority: String) throws {
        let url = try PlaceURL(ByteString(text))
        #expect(url.path == path)
        #expect(url.authority == authority)
        #expect(url.url(of: "a/b") == (text.hasSuffix("/") ? text : text + "/") + "a/b")
    }

    @Test(
        arguments: [
            ("http://dav.example.org", .httpBeyondLoopback), ("http://10.0.0.1", .httpBeyondLoopback),
            ("https://u:p@dav.example.org", .hasUserinfo), ("https://dav.example.org?a", .hasQuery),
            ("ftp://dav.example.org", .schemeNotHTTPS), ("/srv", .notAnAbsoluteURL),
        ] as [(ByteString, IssuerIdentifierError)]
    )
    func `a URL that is no place is refused`(text: ByteString, error: IssuerIdentifierError) {
        #expect(throws: error) { try PlaceURL(text) }
    }

    @Test(arguments: [
        ("oidc", "us-east-1", "", true), ("oidc", "us-east-1", "ci/prod", true), ("a/b", "us-east-1", "", false),
        ("", "us-east-1", "", false), ("..", "us-east-1", "", false), ("oidc", "", "", false),
        ("oidc", "us/east", "", false), ("oidc", "us-east-1", "/ci", false), ("oidc", "us-east-1", "ci/", false),
        ("oidc", "us-east-1", "../x", false),
    ])
    func `a bucket is plain or refused`(name: String, region: String, prefix: String, isPlain: Bool) throws {
        let bucket = S3Bucket(
            endpoint: try PlaceURL("https://s3.example.org/gate"),
            name: ByteString(name),
            region: ByteString(region),
            prefix: ByteString(prefix)
        )
        #expect((bucket != nil) == isPlain)
        guard let bucket else { return }
        #expect(bucket.path(of: "jwks") == "/gate/\(name)\(prefix.isEmpty ? "" : "/" + prefix)/jwks")
        #expect(bucket.url(of: "jwks") == "https://s3.example.org" + bucket.path(of: "jwks"))
    }

    @Test func `a secret has no description`() throws {
        let credentials = AWSCredentials(
            accessKeyID: try #require(Secret("open-sesame".utf8)),
            secretAccessKey: try #require(Secret("open-sesame".utf8)),
            sessionToken: Secret("open-sesame".utf8)
        )
        var dumped = ""
        dump(credentials, to: &dumped)
        let shown = "\(credentials) \(String(reflecting: credentials)) \(dumped)"
        #expect(!shown.contains("sesame"))
        #expect(shown.contains("[redacted]"))
    }

    @Test(arguments: ["", " a", "a ", "a\nb", "a\r\nX: y", "a\0", "é"])
    func `what would break a header is no secret`(text: String) {
        #expect(Secret(text.utf8) == nil)
    }

    @Test(arguments: S3ErrorCode.allCases)
    func `an error of S3 is told by its code alone`(code: S3ErrorCode) {
        let body = "<Error><Code>\(code.rawValue)</Code><Message>open-sesame</Message></Error>"
        #expect(S3ErrorCode(in: Array(body.utf8)) == code)
        #expect(!PublicationError.refusedByS3("https://s3", code).explanation.contains("sesame"))
    }

    @Test func `an unknown error of S3 has no code`() {
        #expect(S3ErrorCode(in: Array("<Code>Whatever</Code>".utf8)) == nil)
        #expect(S3ErrorCode(in: [0xFF, 0x00]) == nil)
    }

    @Test(arguments: [
        ("text/plain", "served as text/plain"), ("", "served as nothing in particular"),
        ("bearer/open-sesame", "served as another type"), ("\u{1B}[31m", "served as another type"),
    ])
    func `a type is shown only where it is a usual one`(type: String, words: String) {
        let explanation = PublicationError.otherContentType("there", ByteString(type)).explanation
        #expect(explanation.contains(words))
    }
}
