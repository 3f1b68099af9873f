import Attestation
import JOSE
import Testing

@testable import CLI

/// An issuer on loopback that means well, and then one that does not.
@Suite(.timeLimit(.minutes(1))) struct IssuerKeyFetcherTests {
    private static let discovery = "/.well-known/openid-configuration"
    private static let key =
        #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}"#

    private func withIssuer(_ body: (ScriptedIssuer) async throws -> Void) async throws {
        let issuer = ScriptedIssuer()
        try await issuer.start()
        issuer.answer(Self.discovery, #"{"issuer":"URL","jwks_uri":"URL/keys"}"#)
        issuer.answer("/keys", headers: "Cache-Control: public, max-age=7200\r\n", #"{"keys":[\#(Self.key)]}"#)
        try await body(issuer)
        try await issuer.stop()
    }

    private func failure(_ issuer: ScriptedIssuer, jwksURI: String? = nil) async -> KeyFetchFailure? {
        do throws(KeyFetchFailure) {
            _ = try await fetch(issuer, jwksURI: jwksURI)
            return nil
        } catch {
            return error
        }
    }

    private func fetch(_ issuer: ScriptedIssuer, jwksURI: String? = nil) async throws(KeyFetchFailure) -> FetchedKeys {
        let location = KeyLocation(
            issuer: ByteString(issuer.url),
            jwksURI: jwksURI.map { ByteString($0) },
            caBundle: nil
        )
        return try await IssuerKeyFetcher(limit: .seconds(2)).fetch(location)
    }

    @Test func `keys are found by discovery, or without it where their place is configured`() async throws {
        try await withIssuer { issuer in
            let fetched = try await fetch(issuer)
            #expect(fetched.keys.keys.map(\.keyID) == ["k"] && fetched.lifetime == 7200)
            #expect(issuer.asked == [Self.discovery, "/keys"])
            _ = try await fetch(issuer, jwksURI: issuer.url + "/keys")
            #expect(issuer.asked == [Self.discovery, "/keys", "/keys"])
        }
    }

    @Test(arguments: ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
    func `no redirect is followed`(_ status: String) async throws {
        try await withIssuer { issuer in
            issuer.answer("/keys", status: status, headers: "Location: \(issuer.url)/elsewhere\r\n", "")
            #expect(await failure(issuer) == .notOK)
            issuer.answer(Self.discovery, status: status, headers: "Location: /elsewhere\r\n", "")
            #expect(await failure(issuer) == .notOK)
            #expect(!issuer.asked.contains("/elsewhere"))
        }
    }

    @Test(arguments: ["URL/", "https://ci.example.test", "URL/a", "", "http://localhost"])
    func `a document of another issuer is refused`(_ name: String) async throws {
        try await withIssuer { issuer in
            issuer.answer(Self.discovery, #"{"issuer":"\#(name)","jwks_uri":"URL/keys"}"#)
            #expect(await failure(issuer) == .issuerMismatch)
        }
    }

    @Test(
        arguments: [
            ("https://10.0.0.1/keys", .addressPrivate), ("https://169.254.169.254/latest", .addressPrivate),
            ("https://[::1]/keys", .addressPrivate), ("https://[::ffff:10.0.0.1]/keys", .addressPrivate),
            ("https://localhost/keys", .addressPrivate), ("http://localhost/keys", .addressPrivate),
            ("http://127.0.0.2/keys", .addressPrivate), ("http://example.org/keys", .addressRefused),
            ("file:///etc/passwd", .addressRefused), ("https://u@example.org/", .addressRefused),
            ("/keys", .addressRefused),
        ] as [(String, KeyFetchFailure)]
    )
    func `a document leads nowhere that the configuration does not name`(
        _ url: String,
        _ expected: KeyFetchFailure
    ) async throws {
        try await withIssuer { issuer in
            issuer.answer(Self.discovery, #"{"issuer":"URL","jwks_uri":"\#(url)"}"#)
            #expect(await failure(issuer) == expected)
        }
    }

    @Test func `what is no key set, too long or too much is refused`() async throws {
        try await withIssuer { issuer in
            let many = Array(repeating: "{}", count: 51).joined(separator: ",")
            issuer.answer("/keys", #"{"keys":[\#(many)]}"#)
            #expect(await failure(issuer) == .tooManyKeys)
            issuer.answer("/keys", #"{"keys":[]}"# + String(repeating: " ", count: 262_144))
            #expect(await failure(issuer) == .unreachable)
            issuer.answer("/keys", headers: "Content-Encoding: gzip\r\n", "\u{1F}\u{08}")
            #expect(await failure(issuer) == .keySetMalformed)
            issuer.answer("/keys", "<html>")
            #expect(await failure(issuer) == .keySetMalformed)
            issuer.answer(Self.discovery, #"{"issuer":"URL"}"#)
            #expect(await failure(issuer) == .discoveryMalformed)
        }
    }

    @Test func `an answer that never ends is given up`() async throws {
        try await withIssuer { issuer in
            issuer.neverEnd("/keys")
            #expect(await failure(issuer) == .outOfTime)
        }
    }
}
