// No token is ever issued for ourselves (CONTRACT "No token is ever issued for…"; threat A13).

import Discovery
import Issuer
import JOSE
import Testing

@Suite struct OwnURLsTests {
    private func own(_ urls: ByteString...) throws -> OwnURLs {
        OwnURLs(try urls.map { try IssuerIdentifier($0) })
    }

    @Test(arguments: [
        // As it is, and under it.
        "https://ci.example.org/ci", "https://ci.example.org/ci/", "https://ci.example.org/ci/token",
        "https://ci.example.org/ci/v1/jobs", "https://ci.example.org/ci?x=y", "https://ci.example.org/ci#x",
        "https://ci.example.org/ci/.well-known/jwks", "https://ci.example.org/ci//token",
        // Case of scheme, host and path.
        "HTTPS://ci.example.org/ci", "https://CI.EXAMPLE.ORG/ci", "hTTps://Ci.eXample.oRg/CI/Token",
        // Default port, empty port, leading zeros, trailing dot.
        "https://ci.example.org:443/ci", "https://ci.example.org:/ci", "https://ci.example.org:0443/ci",
        "https://ci.example.org./ci", "https://ci.example.org.:443/ci",
        // The other door of the same house.
        "http://ci.example.org/ci", "http://ci.example.org:80/ci", "http://ci.example.org:443/ci",
        // Userinfo.
        "https://user@ci.example.org/ci", "https://user:pass@ci.example.org/ci",
        "https://evil.example@ci.example.org/ci",
        "https://a@b@ci.example.org/ci",
        // Doubled, dotted and turned slashes.
        "https://ci.example.org//ci", "https://ci.example.org///ci//", "https://ci.example.org/./ci",
        "https://ci.example.org/x/../ci", "https://ci.example.org/../ci", "https://ci.example.org\\ci",
        "https://ci.example.org/ci\\token", "https://ci.example.org/ci/x/../token", "https://ci.example.org/.//ci/.",
        // Percent-encoding, of path and host.
        "https://ci.example.org/%63i", "https://ci.example.org/c%69/token",
        "https://ci.example.org/ci%2Ftoken", "https://ci.example.org/x/%2e%2E/ci",
        "https://c%69.example.org/ci", "https://ci%2Eexample.org/ci", "https://%43I.example.org/ci",
        "https://ci.example.org%2E/ci",
        // What browsers read as two slashes (WHATWG URL, special authority slashes state).
        "https:ci.example.org/ci", "https:/ci.example.org/ci", "https:///ci.example.org/ci",
        "https:\\\\ci.example.org/ci",
        "https:/\\ci.example.org/ci",
        // No scheme, another scheme of the web, more dots than one.
        "//ci.example.org/ci", "ci.example.org/ci/token", "wss://ci.example.org/ci", "https://ci.example.org../ci",
    ])
    func `a spelling of our own URL is ours`(audience: String) throws {
        #expect(try own("https://ci.example.org/ci").contains(Audience(ByteString(audience))))
    }

    @Test(arguments: [
        // No URL of ours at all.
        "sts.amazonaws.com", "sigstore", "api://AzureADTokenExchange", "spiffe://ci.example.org/ci", "ci.example.org",
        "urn:ci.example.org:ci", "https://vault.example", "//iam.googleapis.com/projects/1",
        // Other hosts.
        "https://ci.example.org.evil.example/ci", "https://xci.example.org/ci", "https://example.org/ci",
        "https://ci.example.com/ci", "https://evil.example/https://ci.example.org/ci",
        "https://evil.example/?https://ci.example.org/ci", "https://ci.example.org@evil.example/ci",
        "https://ci-example.org/ci",
        // Other ports.
        "https://ci.example.org:8443/ci", "http://ci.example.org:8080/ci", "https://ci.example.org:444/ci",
        // Beside our path, not under it.
        "https://ci.example.org", "https://ci.example.org/", "https://ci.example.org/cix",
        "https://ci.example.org/ci-2/token", "https://ci.example.org/other/ci", "https://ci.example.org/ci/../other",
        "https://ci.example.org/c", "https://ci.example.org/ci%3Fx", "https://ci.example.org/?/ci",
        "https://ci.example.org/#/ci",
    ])
    func `another's URL is not ours`(audience: String) throws {
        #expect(try !own("https://ci.example.org/ci").contains(Audience(ByteString(audience))))
    }

    @Test func `an issuer without a path owns its whole origin`() throws {
        let urls = try own("https://ci.example.org")
        for audience in ["https://ci.example.org", "https://ci.example.org/any/thing", "https://ci.example.org?x"] {
            #expect(try urls.contains(Audience(ByteString(audience))))
        }
        #expect(try !urls.contains(Audience("https://ci.example.org:8443")))
    }

    @Test func `the runner plane's URL is ours, too`() throws {
        let urls = try own("https://ci.example.org", "http://127.0.0.1:8080")
        #expect(try urls.contains(Audience("http://127.0.0.1:8080/v1/jobs")))
        #expect(try urls.contains(Audience("https://127.0.0.1:8080/token")))
        #expect(try urls.contains(Audience("https://ci.example.org/token")))
        #expect(try !urls.contains(Audience("http://127.0.0.1:9090/token")))
    }

    @Test func `an issuer on a port of its own is met only there`() throws {
        let urls = try own("https://ci.example.org:8443/ci")
        #expect(try urls.contains(Audience("https://CI.example.org:8443/ci/x")))
        #expect(try urls.contains(Audience("http://ci.example.org:8443/ci")))
        #expect(try !urls.contains(Audience("https://ci.example.org/ci")))
    }

    @Test func `IPv6 literals fold their case`() throws {
        let urls = try own("https://[2001:db8::a]")
        #expect(try urls.contains(Audience("https://[2001:DB8::A]:443/x")))
        #expect(try !urls.contains(Audience("https://[2001:db8::b]")))
    }
}
