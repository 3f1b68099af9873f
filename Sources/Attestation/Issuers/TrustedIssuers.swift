package import JOSE

/// The issuers whose tokens are evidence, each once.
package struct TrustedIssuers: Hashable, Sendable {
    package let all: [TrustedIssuer]
    private let byName: [ByteString: TrustedIssuer]

    /// Of two with one name the first stays.
    package init(_ all: [TrustedIssuer] = []) {
        self.all = all
        byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The issuer of exactly this name.
    package subscript(_ name: ByteString) -> TrustedIssuer? { byName[name] }

    /// What is dangerous and yet configured, a sentence each, to be said loudly at every start.
    package var warnings: [ByteString] {
        all.compactMap { issuer in
            guard let shared = SharedIssuer.known.first(where: { $0.name == issuer.name }),
                !issuer.requiredClaims.contains(where: shared.names)
            else { return nil }
            return issuer.name + " issues tokens for anybody's jobs, and nothing here says whose are meant: "
                + "any stranger's job gets an identity; under requiredClaims say one of " + shared.ownerClaims
        }
    }
}
