// What the tests publish.

import Discovery
import JOSE
import Testing

@testable import Publication

enum Samples {
    static let set =
        #"{"keys":[{"kty":"EC","use":"sig","alg":"ES256","kid":"one","crv":"P-256","x":""#
        + #"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#

    static func file(_ path: ByteString, _ body: String = set) throws -> PublicationFile {
        let document = PublishedDocument(body: Array(body.utf8), contentType: "application/json", maximumAge: 300)
        return try #require(PublicationFile(path: path, document: document))
    }

    static func files() throws -> [PublicationFile] {
        [
            try file(".well-known/openid-configuration", #"{"issuer":"https://ci.example.org"}"#),
            try file(".well-known/jwks"), try file(".well-known/jwks.json"),
        ]
    }
}
