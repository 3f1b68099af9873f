import JOSE

/// An issuer that many owners share: its signature alone does not say whose job it is.
struct SharedIssuer {
    let name: ByteString
    private let claims: [(ByteString, Form)]

    /// How much of a claim's value has to be fixed so that the owner is.
    private enum Form {
        /// All of it.
        case whole
        /// What stands before a slash, as in `acme/widgets`.
        case owner
        /// What stands after a first colon and before the next one or a slash, as in `repo:acme/widgets:…`.
        case subject
    }

    /// The claims of which one must be required, for people.
    var ownerClaims: ByteString {
        ByteString(claims.map(\.0.string).joined(separator: ", "))
    }

    /// Whether a required claim says who the owner is, in each of the ways it can be satisfied.
    func names(_ required: RequiredClaim) -> Bool {
        claims.contains { claim, form in
            required.path.text == claim && required.patterns.allSatisfy { Self.fixes($0, form) }
        }
    }

    private static func fixes(_ pattern: ClaimPattern, _ form: Form) -> Bool {
        if pattern.isExact { return true }
        let head = pattern.head.bytes[...]
        switch form {
        case .whole: return false
        case .owner: return head.dropFirst().contains(UInt8(ascii: "/"))
        case .subject:
            guard let colon = head.firstIndex(of: UInt8(ascii: ":")) else { return false }
            return head[(colon + 1)...].dropFirst().contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") }
        }
    }

    /// Those we know of; an issuer with its owner in its URL, as CircleCI's and Bitbucket's, is not shared.
    static let known: [SharedIssuer] = [
        SharedIssuer(
            name: "https://token.actions.githubusercontent.com",
            claims: [
                ("repository_owner", .whole), ("repository_owner_id", .whole), ("repository", .owner),
                ("repository_id", .whole), ("sub", .subject),
            ]
        ),
        SharedIssuer(
            name: "https://gitlab.com",
            claims: [
                ("namespace_path", .owner), ("namespace_id", .whole), ("project_path", .owner), ("project_id", .whole),
                ("sub", .subject),
            ]
        ),
        SharedIssuer(
            name: "https://agent.buildkite.com",
            claims: [("organization_slug", .whole), ("organization_id", .whole), ("sub", .subject)]
        ),
        SharedIssuer(
            name: "https://app.terraform.io",
            claims: [
                ("terraform_organization_id", .whole), ("terraform_organization_name", .whole), ("sub", .subject),
            ]
        ),
        SharedIssuer(name: "https://oidc.codefresh.io", claims: [("account_id", .whole), ("sub", .subject)]),
        SharedIssuer(
            name: "https://oidc.vercel.com",
            claims: [("owner_id", .whole), ("owner", .whole), ("sub", .subject)]
        ),
        SharedIssuer(
            name: "https://accounts.google.com",
            claims: [("sub", .whole), ("email", .whole), ("hd", .whole)]
        ),
        // Everybody's personal accounts; every organisation has an issuer of its own.
        SharedIssuer(
            name: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            claims: [("oid", .whole), ("sub", .whole)]
        ),
    ]
}
