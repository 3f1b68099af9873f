// Spellings of one origin meet (RFC 6454).

import Discovery
import JOSE
import Testing

@Suite struct URLOriginTests {
    @Test(arguments: [
        "https://ci.example.org", "HTTPS://CI.EXAMPLE.ORG", "https://ci.example.org:443", "https://ci.example.org:",
        "https://ci.example.org.", "https://ci.example.org.:443/x", "https://user:pass@ci.example.org/a?b#c",
        "https://evil.example@ci.example.org", "https://a@b@ci.example.org", "https://ci.example.org:0443",
        "https://ci.example.org\\@evil.example", "https://ci.example.org?@evil.example",
        "https://ci.example.org#@evil.example",
    ])
    func `every spelling has the same origin`(url: String) throws {
        let split = try #require(URLOrigin.split(ByteString(url)))
        #expect(split.origin.scheme == "https")
        #expect(split.origin.host == "ci.example.org")
        #expect(split.origin.port == 443)
    }

    @Test(arguments: [
        ("https://h", ""), ("https://h/", "/"), ("https://h/a?b#c", "/a?b#c"), ("https://h?b", "?b"),
        ("https://h#c", "#c"), ("https://h\\a", "\\a"), ("https://u@h:1/a@b", "/a@b"), ("https://[::1]:2/x", "/x"),
    ])
    func `everything after the authority is the rest`(url: String, rest: String) {
        #expect(URLOrigin.split(ByteString(url))?.rest.string == rest)
    }

    @Test(arguments: ["", "x", "https", "https:", "https://", "https://:443", "://h", "https://h:-1", "https://h:1x"])
    func `what has no host is no URL`(url: String) {
        #expect(URLOrigin.split(ByteString(url))?.origin == nil)
    }
}
