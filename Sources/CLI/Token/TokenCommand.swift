import ArgumentParser
import Discovery
import Foundation
import JOSE
import Keys
import Server

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Read and verify tokens.",
        subcommands: [Inspect.self, Verify.self]
    )

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a token says, without verifying it.",
            discussion: "The token comes from standard input where it is not given."
        )
        @Flag(help: "Print JSON, as it always does.") var json = false

        @Argument(help: "The token.") var token: String?

        func run() async throws {
            let token = try TokenSource.unverified(token)
            guard case .object(let claims)? = try? JSONReader.read(token.payload) else {
                throw CommandFailure.failed("malformed_claims: the payload is not one JSON object")
            }
            let shown = JSONObject([("header", .object(token.headerObject)), ("claims", .object(claims))])
            StandardStreams.print(shown.line)
            StandardStreams.complain("not verified: use jobsworth token verify before you believe it")
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Verify a token and print its claims.",
            discussion: """
                Exit 0 and the claims on standard output, or exit 1 and one stable reason code first on standard error.
                The token comes from standard input where it is not given.
                """
        )

        @Option(help: ArgumentHelp("The JWK Set: a file or a URL (default: by discovery).", valueName: "file|url"))
        var jwks: String?

        @Option(help: ArgumentHelp("The issuer that iss must name, byte for byte.", valueName: "url"))
        var issuer: String?

        @Option(help: ArgumentHelp("The audience that aud must hold.", valueName: "audience"))
        var audience: String?

        @Flag(help: "Check only the signature and print the payload's bytes as they are.")
        var signatureOnly = false

        @Option(help: ArgumentHelp("Allow one more algorithm than RS256 and ES256.", valueName: "algorithm"))
        var algorithm: [String] = []

        @Flag(help: "Print JSON, as it always does.") var json = false

        @Argument(help: "The token.") var token: String?

        func validate() throws {
            if !signatureOnly && (audience == nil || issuer == nil) {
                throw ValidationError("--issuer and --audience are required, or say --signature-only")
            }
            if jwks == nil && issuer == nil { throw ValidationError("--jwks or --issuer is required") }
            for name in algorithm where SignatureAlgorithm(rawValue: name) == nil {
                throw ValidationError("\(name) is not an algorithm that can be verified here")
            }
        }

        func run() async throws {
            let keys = try await VerificationKeys(jwkSet: jwks, issuer: issuer).load()
            let allowed = Set([.RS256, .ES256] + algorithm.compactMap(SignatureAlgorithm.init(rawValue:)))
            let verifier = TokenVerifier(keys: keys, allowed: allowed)
            do throws(VerificationError) {
                let token = try TokenSource.parse(token)
                if signatureOnly { return StandardStreams.write(try verifier.verifySignature(token)) }
                let verified = try verifier.verify(
                    token,
                    issuer: ByteString(issuer ?? ""),
                    audience: ByteString(audience ?? ""),
                    at: NumericDate.now.secondsSinceEpoch
                )
                StandardStreams.print(verified.claims.line)
            } catch {
                StandardStreams.complainPlainly("\(error.reason): \(error.explanation)")
                throw ExitCode(1)
            }
        }
    }
}

/// Where a token to be read comes from.
private enum TokenSource {
    static func parse(_ argument: String?) throws(VerificationError) -> UnverifiedToken {
        if let argument { return try UnverifiedToken(parsing: Array(argument.utf8)) }
        let bytes = (try? StandardStreams.read(limit: 65_536)) ?? []
        // The end of the line is the terminal's; anything else would be another token.
        let line = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
        return try UnverifiedToken(parsing: Array(line.last == 0x0D ? line.dropLast() : line))
    }

    static func unverified(_ argument: String?) throws -> UnverifiedToken {
        do throws(VerificationError) {
            return try parse(argument)
        } catch {
            StandardStreams.complainPlainly("\(error.reason): \(error.explanation)")
            throw ExitCode(1)
        }
    }
}
