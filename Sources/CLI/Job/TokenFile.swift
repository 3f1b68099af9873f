/// A file with a token for one audience, and the variable that says where it is.
struct TokenFile: Sendable {
    let variable: String
    let audience: String

    /// Sigstore's clients read a variable; those of long jobs may read this file.
    static let sigstoreVariable = "SIGSTORE_ID_TOKEN_FILE"

    init(variable: String, audience: String) {
        self.variable = variable
        self.audience = audience
    }

    /// `NAME=audience`; nil where NAME cannot be a variable's or a file's.
    init?(_ pair: String) {
        let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard halves.count == 2, !halves[1].isEmpty, halves[0].utf8.count <= 64, halves[0].isVariableName else {
            return nil
        }
        self.init(variable: halves[0], audience: halves[1])
    }
}
