import ArgumentParser
import JOSE

/// Files of tokens that are renewed while a long job runs.
struct TokenFileOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with a token that stays fresh, under the name of a variable that holds its path.",
            valueName: "name=audience"
        )
    )
    var tokenFile: [String] = []

    @Option(help: ArgumentHelp("Sets AWS_WEB_IDENTITY_TOKEN_FILE (sts.amazonaws.com).", valueName: "audience"))
    var awsTokenFile: String?

    @Option(help: ArgumentHelp("Sets AZURE_FEDERATED_TOKEN_FILE (api://AzureADTokenExchange).", valueName: "audience"))
    var azureTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "Sets GOOGLE_APPLICATION_CREDENTIALS for the provider //iam.googleapis.com/projects/….",
            valueName: "provider"
        )
    )
    var googleCredentials: String?

    @Option(help: ArgumentHelp("The service account that --google-credentials acts as.", valueName: "email"))
    var googleServiceAccount: String?

    @Flag(help: "Sets SIGSTORE_ID_TOKEN, and SIGSTORE_ID_TOKEN_FILE with a token that stays fresh.")
    var sigstoreToken = false

    func validate() throws {
        for pair in tokenFile where TokenFile(pair) == nil {
            throw ValidationError("\(pair) must have the form NAME=audience, with the name of a variable")
        }
        let names = files.map(\.variable)
        if Set(names).count < names.count { throw ValidationError("a token file's name is given twice") }
        if let googleCredentials, GoogleCredentials(provider: googleCredentials, serviceAccount: nil) == nil {
            throw ValidationError("--google-credentials must be //iam.googleapis.com/projects/…/providers/…")
        }
        if googleServiceAccount != nil, google == nil {
            throw ValidationError("--google-service-account must be an email address, beside --google-credentials")
        }
    }

    /// What the files are and who they are for.
    var files: [TokenFile] {
        tokenFile.compactMap { TokenFile($0) }
            + [
                awsTokenFile.map { TokenFile(variable: "AWS_WEB_IDENTITY_TOKEN_FILE", audience: $0) },
                azureTokenFile.map { TokenFile(variable: "AZURE_FEDERATED_TOKEN_FILE", audience: $0) },
                google.map { TokenFile(variable: GoogleCredentials.tokenVariable, audience: $0.audience) },
                sigstoreToken ? TokenFile(variable: TokenFile.sigstoreVariable, audience: "sigstore") : nil,
            ].compactMap { $0 }
    }

    /// Google's client reads its token through a file of its own.
    var google: GoogleCredentials? {
        googleCredentials.flatMap { GoogleCredentials(provider: $0, serviceAccount: googleServiceAccount) }
    }
}
