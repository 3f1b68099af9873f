import JOSE

/// Google's external-account credential whose subject token is in a file (AIP-4117, "file-sourced credentials").
struct GoogleCredentials {
    private let provider: String
    private let serviceAccount: String?

    /// The variable that names the token's file; Google's clients do not read it, the credential's file says the same.
    static let tokenVariable = "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_FILE"

    /// The variable that Google's clients read.
    static let variable = "GOOGLE_APPLICATION_CREDENTIALS"

    /// Nil for what is no workload identity provider, or no service account.
    init?(provider: String, serviceAccount: String?) {
        guard provider.hasPrefix("//iam.googleapis.com/projects/"), provider.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        if let serviceAccount, !serviceAccount.utf8.allSatisfy(Self.isAddressByte) { return nil }
        self.provider = provider
        self.serviceAccount = serviceAccount
    }

    /// What a provider accepts unless it is told otherwise: its own name as a URL.
    var audience: String { "https:\(provider)" }

    func document(tokenFile: String) -> [UInt8] {
        var document = JSONObject([
            ("type", "external_account"), ("audience", .string(ByteString(provider))),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("token_url", "https://sts.googleapis.com/v1/token"),
            (
                "credential_source",
                .object(
                    JSONObject([
                        ("file", .string(ByteString(tokenFile))), ("format", .object(JSONObject([("type", "text")]))),
                    ])
                )
            ),
        ])
        document["service_account_impersonation_url"] = serviceAccount.map {
            .string(
                ByteString(
                    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/\($0):generateAccessToken"
                )
            )
        }
        return document.serialized
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "@"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
