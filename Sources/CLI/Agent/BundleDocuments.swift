import Discovery
import JOSE
import SPIFFE

/// What the bundle endpoint serves: the trust bundle, its JWK Set, and discovery where JWT-SVIDs name an issuer.
struct BundleDocuments {
    /// The trust bundle, as verifiers of the SPIFFE world read it.
    static let bundlePath: ByteString = "/bundle"
    /// The same keys of JWT-SVIDs as a plain JWK Set.
    static let jwkSetPath: ByteString = "/jwks"

    private let refreshHint: Duration
    private let issuer: IssuerIdentifier?

    init(_ settings: AgentSettings) {
        refreshHint = settings.refreshHint
        issuer = settings.jwtIssuer.flatMap { try? IssuerIdentifier($0) }
    }

    /// Each document at its path.
    func all(of bundle: TrustBundle) -> [ByteString: PublishedDocument] {
        var documents = [
            Self.bundlePath: document(bundle.document(refreshHint: refreshHint)),
            Self.jwkSetPath: document(bundle.jwtAuthorities.serialized),
        ]
        if let issuer {
            documents[issuer.path + Self.jwkSetPath] = documents[Self.jwkSetPath]
            documents[issuer.path + WellKnownPath.configuration] = document(metadata(of: issuer))
        }
        return documents
    }

    private func document(_ body: [UInt8]) -> PublishedDocument {
        PublishedDocument(
            body: body,
            contentType: "application/json",
            maximumAge: refreshHint.components.seconds
        )
    }

    private func metadata(of issuer: IssuerIdentifier) -> [UInt8] {
        JSONObject([
            ("issuer", .string(issuer.value)),
            ("jwks_uri", .string(issuer.url(Self.jwkSetPath))),
            ("authorization_endpoint", .string("")),
            ("response_types_supported", .array([.string("id_token")])),
            ("subject_types_supported", .array([.string("public")])),
            ("id_token_signing_alg_values_supported", .array([.string("ES256"), .string("RS256")])),
        ]).serialized
    }
}
