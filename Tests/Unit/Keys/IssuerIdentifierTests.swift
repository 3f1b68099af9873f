// Which URLs can name an issuer (OpenID Connect Discovery §3, CONTRACT "no query, userinfo or trailing slash").

import Discovery
import JOSE
import Testing

@Suite struct IssuerIdentifierTests {
    @Test(arguments: [
        ("https://ci.example.org", ""), ("https://ci.example.org:8443", ""), ("https://ci.example.org/ci", "/ci"),
        ("https://ci.example.org/a/b-c_d.e~f/G1", "/a/b-c_d.e~f/G1"), ("https://xn--bcher-kva.example", ""),
        ("https://192.0.2.1", ""), ("https://[2001:db8::1]", ""), ("https://[2001:db8::1]:8443/x", "/x"),
        // http on loopback only.
        ("http://localhost", ""), ("http://localhost:8080", ""), ("http://127.0.0.1:8080", ""),
        ("http://127.255.0.9:1", ""), ("http://[::1]:8080/ci", "/ci"),
        // Dots that are not dot segments.
        ("https://ci.example.org/...", "/..."), ("https://ci.example.org/.a", "/.a"),
    ])
    func `a plain URL is taken as it is`(url: String, path: String) throws {
        let issuer = try IssuerIdentifier(ByteString(url))
        #expect(issuer.value.string == url)
        #expect(issuer.path.string == path)
        #expect(issuer.url("/token").string == url + "/token")
    }

    @Test(
        arguments: [
            ("", .notAnAbsoluteURL), ("ci.example.org", .notAnAbsoluteURL), ("/ci", .notAnAbsoluteURL),
            ("//ci.example.org", .notAnAbsoluteURL), ("https:ci.example.org", .notAnAbsoluteURL),
            ("https:/ci.example.org", .notAnAbsoluteURL), ("https://", .notAnAbsoluteURL),
            ("https:///ci", .notAnAbsoluteURL), ("://ci.example.org", .notAnAbsoluteURL),
            ("https://ci example.org", .notAnAbsoluteURL), ("https://ci.example.org:", .hostNotPlain),
            ("https://ci.example.org:x", .notAnAbsoluteURL), ("https://ci.example.org:65536", .notAnAbsoluteURL),
            ("https://b\u{FC}cher.example", .notAnAbsoluteURL), ("https://ci.example.org:80:80", .notAnAbsoluteURL),
            // Scheme.
            ("ftp://ci.example.org", .schemeNotHTTPS), ("wss://ci.example.org", .schemeNotHTTPS),
            ("http://ci.example.org", .httpBeyondLoopback), ("http://127.0.0.1.example.org", .httpBeyondLoopback),
            ("http://128.0.0.1", .httpBeyondLoopback), ("http://localhost.example.org", .httpBeyondLoopback),
            ("http://127.1", .httpBeyondLoopback), ("http://127.0.0.256", .httpBeyondLoopback),
            ("http://[::2]", .httpBeyondLoopback), ("http://0.0.0.0", .httpBeyondLoopback),
            // Query, fragment, userinfo, slash.
            ("https://ci.example.org?", .hasQuery), ("https://ci.example.org/?a=b", .hasQuery),
            ("https://ci.example.org/ci?x#y", .hasQuery), ("https://ci.example.org#", .hasFragment),
            ("https://ci.example.org/ci#x", .hasFragment), ("https://user@ci.example.org", .hasUserinfo),
            ("https://user:pass@ci.example.org", .hasUserinfo), ("https://@ci.example.org", .hasUserinfo),
            ("https://ci.example.org/", .hasTrailingSlash), ("https://ci.example.org/ci/", .hasTrailingSlash),
            ("https://ci.example.org//", .hasTrailingSlash),
            // Host: lower case, no default port, no dot at the end, no other spelling.
            ("HTTPS://ci.example.org", .hostNotPlain), ("https://CI.example.org", .hostNotPlain),
            ("https://ci.example.org:443", .hostNotPlain), ("http://localhost:80", .hostNotPlain),
            ("https://ci.example.org:08443", .hostNotPlain), ("https://ci.example.org.", .hostNotPlain),
            ("https://c%69.example.org", .hostNotPlain), ("https://[::1", .notAnAbsoluteURL),
            ("https://[::1]x", .hostNotPlain), ("https://a]b", .hostNotPlain),
            ("https://[ci.example.org]", .hostNotPlain),
            ("https://ci..example.org", .hostNotPlain), ("https://.example.org", .hostNotPlain),
            // Path: one spelling.
            ("https://ci.example.org//ci", .pathNotPlain), ("https://ci.example.org/a//b", .pathNotPlain),
            ("https://ci.example.org/./a", .pathNotPlain), ("https://ci.example.org/a/..", .pathNotPlain),
            ("https://ci.example.org/a%62", .pathNotPlain), ("https://ci.example.org/a b", .pathNotPlain),
            ("https://ci.example.org/a;b", .pathNotPlain), ("https://ci.example.org/\u{E9}", .pathNotPlain),
            ("https://ci.example.org/a\\b", .pathNotPlain), ("https://ci.example.org\\a", .pathNotPlain),
            ("https://ci.example.org\\", .pathNotPlain), ("https://ci.example.org/a\n", .pathNotPlain),
            ("https://ci.example.org/a:b", .pathNotPlain), ("https://ci.example.org/\0", .pathNotPlain),
        ] as [(String, IssuerIdentifierError)]
    )
    func `any other spelling is refused with the reason`(url: String, error: IssuerIdentifierError) {
        #expect(throws: error) { try IssuerIdentifier(ByteString(url)) }
    }

    @Test func `every reason says how to mend it`() {
        let errors: [IssuerIdentifierError] = [
            .notAnAbsoluteURL, .schemeNotHTTPS, .httpBeyondLoopback, .hasQuery, .hasFragment, .hasUserinfo,
            .hasTrailingSlash, .hostNotPlain, .pathNotPlain,
        ]
        #expect(Set(errors.map(\.explanation)).count == errors.count)
    }
}
