import Foundation
import JOSE

/// What a program answers that Google's libraries run for a credential (`credential_source.executable`, version 1).
struct ExecutableCredential {
    let document: JSONObject

    /// The answer with a token; `expiration_time` is there, as the contract has it, when a file keeps the answer.
    init(token: ByteString, isKept: Bool) {
        var document = JSONObject([
            ("version", .integer(1)), ("success", .bool(true)),
            ("token_type", "urn:ietf:params:oauth:token-type:jwt"), ("id_token", .string(token)),
        ])
        if isKept { document["expiration_time"] = Self.expiry(of: token).map { .integer($0) } }
        self.document = document
    }

    /// The answer without one.
    init(_ failure: CommandFailure) {
        document = JSONObject([
            ("version", .integer(1)), ("success", .bool(false)),
            ("code", .string(ByteString(failure.reason ?? "failed"))),
            ("message", .string(ByteString(failure.message))),
        ])
    }

    /// The file that the library names where its configuration has an `output_file`: it reads that one first, until the
    /// token in it has expired.
    static var outputFile: String? {
        let path = ProcessInfo.processInfo.environment["GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE"] ?? ""
        return path.isEmpty ? nil : path
    }

    /// `exp`, unverified: the token came from the issuer a moment ago, and nothing is trusted because of it.
    private static func expiry(of token: ByteString) -> Int64? {
        guard let payload = try? UnverifiedToken(parsing: token.bytes).payload else { return nil }
        return (try? JSONReader.read(payload))?.objectValue?["exp"]?.integerValue
    }
}
