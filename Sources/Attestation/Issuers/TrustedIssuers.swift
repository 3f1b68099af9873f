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

    /// Whether evidence that was verified before would still be taken for whose it is: its issuer is trusted, for an
    /// audience of its own, and its claims are those that are required.
    package func stillTrust(_ workload: AttestedWorkload) -> Bool {
        guard let name = workload.claims["iss"]?.stringValue, let issuer = self[name] else { return false }
        let named: [JSONValue] =
            switch workload.claims["aud"] {
            case .array(let elements)?: elements
            case let single?: [single]
            case nil: []
            }
        return issuer.audiences.contains { named.contains(.string($0)) }
            && issuer.requiredClaims.allSatisfy { $0.isSatisfied(by: workload.claims) }
    }

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
