// Bundles, written and read (SPIFFE Trust Domain and Bundle §4).

import Foundation
import JOSE
import Keys
import SPIFFE
import TestSupport
import Testing

@Suite struct TrustBundleTests {
    private let samples: Samples

    init() throws {
        samples = try Samples()
    }

    private func keys(_ document: [UInt8]) throws -> [JSONObject] {
        try #require(JSONReader.read(document).objectValue?["keys"]?.arrayValue).compactMap(\.objectValue)
    }

    @Test func `a bundle holds every published key of its use, and says how new it is`() throws {
        let document = samples.bundle.document(refreshHint: .seconds(300))
        let object = try #require(JSONReader.read(document).objectValue)
        #expect(object["spiffe_sequence"] == .integer(samples.ring.version))
        #expect(object["spiffe_refresh_hint"] == .integer(300))
        let keys = try keys(document)
        #expect(keys.map { $0["use"]?.stringValue } == ["x509-svid", "x509-svid", "jwt-svid", "jwt-svid"])
        for (key, certificate) in zip(keys, samples.ring.publishedCertificates) {
            #expect(key["kty"] == "EC" && key["crv"] == "P-256" && key["kid"] == nil)
            // Padded base64, and exactly one (X509-SVID §6.1).
            let text = Data(certificate.der).base64EncodedString()
            #expect(key["x5c"] == .array([.string(ByteString(text))]))
        }
        for (key, published) in zip(keys.dropFirst(2), samples.ring.published.keys) {
            #expect(key["kid"] == .string(published.thumbprint))
            #expect(key["x5c"] == nil && key["alg"] == "ES256")
        }
    }

    @Test func `an authority's entry is the key of its certificate`() throws {
        let authority = try #require(samples.ring.active(for: .certificates))
        let entry = try #require(keys(samples.bundle.document(refreshHint: .seconds(1))).first)
        let published = authority.publicKey.published
        #expect(entry["x"] == published["x"] && entry["y"] == published["y"])
    }

    @Test func `the Workload API's key set holds nothing that verifies certificates`() throws {
        let keys = try keys(samples.bundle.jwkSetDocument)
        #expect(keys.map { $0["use"] } == ["jwt-svid", "jwt-svid"])
        #expect(try JSONReader.read(samples.bundle.jwkSetDocument).objectValue?.members.count == 1)
    }

    @Test func `keys that have retired leave the bundle, and its sequence rises`() throws {
        let active = try #require(samples.ring.active(for: .certificates))
        let standby = samples.ring.standbys(for: .certificates)[0]
        let rotated = try samples.ring.activating(standby.kid, at: Samples.now)
        #expect(TrustBundle(ring: rotated, trustDomain: samples.trustDomain).x509Authorities.count == 2)
        let retired = try rotated.retiring(active.kid, at: Samples.now)
        let bundle = TrustBundle(ring: retired, trustDomain: samples.trustDomain)
        #expect(bundle.x509Authorities == [standby.certificate?.der])
        #expect(bundle.sequence > samples.bundle.sequence)
    }

    @Test func `a bundle reads back as it was`() throws {
        let read = try TrustBundle(
            parsing: samples.bundle.document(refreshHint: .seconds(60)),
            trustDomain: samples.trustDomain
        )
        #expect(read == samples.bundle)
    }

    @Test func `what readers do not know they leave out`() throws {
        let certificate = ByteString(Data(samples.bundle.x509Authorities[0]).base64EncodedString()).string
        let key = ByteString(samples.ring.published.keys[0].published.serialized).string
            .replacing("\"use\":\"sig\"", with: "\"use\":\"jwt-svid\"")
        let text = """
            {"keys": [
                {"kty": "EC", "use": "x509-svid", "x5c": ["\(certificate)", "!"]},
                {"kty": "EC", "use": "x509-svid", "x5c": ["\(certificate)"]},
                {"kty": "AKP", "use": "x509-svid", "x5c": []}, {"kty": "EC", "use": "x509-svid"},
                {"kty": "EC", "use": "wit-svid", "kid": "w"}, {"kty": "EC", "x5c": ["\(certificate)"]},
                {"use": "x509-svid", "x5c": ["\(certificate)"]}, 7, {},
                \(key), {"kty": "new", "use": "jwt-svid", "kid": "n"}, {"kty": "EC", "use": "jwt-svid", "crv": "P-256"}
            ]}
            """
        let bundle = try TrustBundle(parsing: Array(text.utf8), trustDomain: samples.trustDomain)
        #expect(bundle.x509Authorities == [samples.bundle.x509Authorities[0]])
        #expect(bundle.jwtAuthorities.keys == [samples.ring.published.keys[0]])
        #expect(bundle.sequence == 0)
    }

    @Test func `no keys is a bundle that trusts nothing`() throws {
        let bundle = try TrustBundle(parsing: Array(#"{"keys":[]}"#.utf8), trustDomain: samples.trustDomain)
        #expect(bundle.x509Authorities.isEmpty && bundle.jwtAuthorities.keys.isEmpty)
    }

    @Test(arguments: ["", "{}", "[]", #"{"keys":{}}"#, #"{"keys":[],"keys":[]}"#, #"{"trust_domains":{}}"#])
    func `what is no bundle is refused`(text: String) {
        #expect(throws: TrustBundleError.malformed) {
            try TrustBundle(parsing: Array(text.utf8), trustDomain: samples.trustDomain)
        }
    }

    @Test(arguments: ["!", "AAAA", "", "MIIB"])
    func `a certificate that cannot be read is an error, not one key less`(text: String) {
        let document = #"{"keys":[{"kty":"EC","use":"x509-svid","x5c":["\#(text)"]}]}"#
        #expect(throws: TrustBundleError.certificateInvalid) {
            try TrustBundle(parsing: Array(document.utf8), trustDomain: samples.trustDomain)
        }
    }
}
