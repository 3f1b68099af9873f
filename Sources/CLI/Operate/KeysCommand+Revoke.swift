import ArgumentParser
import Foundation
import Issuer
import JOSE
import Keys

extension KeysCommand {
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Withdraw a compromised key at once; the standby signs from that moment.",
            discussion: """
                Says until when verifiers may still accept the key, and lists the tokens that it signed: jti, job, \
                audience and expiry.

                With --all, for a stolen store: every published key goes, new ones sign at once, and all jobs end.
                """
        )
        @Argument(help: "Which key, by its kid.") var kid: String?
        @Flag(help: "Every published key, and all jobs.") var all = false
        @Flag(help: "Do not ask.") var yes = false
        @OptionGroup var store: StorageOptions

        func validate() throws {
            guard (kid == nil) == all else { throw ValidationError("Name one KID, or say --all.") }
        }

        func run() async throws {
            if all { try confirm() }
            let connection = try OperatorConnection(store)
            let request = kid.map { KeyRequest.revoke(ByteString($0)) } ?? .revokeAll
            let answer = try await connection.perform(.keys(.ask(request)))
            let revoked = kid.map { [ByteString($0)] } ?? answer.revokedKids
            if store.json {
                try await printJSON(answer, revoked, connection)
            } else {
                try await print(answer, revoked, connection)
            }
        }

        private func confirm() throws {
            guard !yes else { return }
            guard isatty(0) == 1 else {
                throw CommandFailure.wrongUsage("keys revoke --all ends all jobs; say --yes if you mean it")
            }
            StandardStreams.complain("all published keys and all jobs end now. Type revoke to go on:")
            guard readLine() == "revoke" else { throw CommandFailure.failed("nothing was revoked") }
        }

        private func print(_ answer: JSONObject, _ kids: [ByteString], _ connection: OperatorConnection) async throws {
            RotationAnswer(answer).printChanges()
            let until = answer.shown("verifiers_may_accept_until")
            if !until.isEmpty { StandardStreams.print("verifiers may accept it from their caches until \(until)") }
            for place in answer.rows("places") where !place.shown("still_holds").isEmpty {
                StandardStreams.print("\(place.shown("place")) still publishes it: run jobsworth publish")
            }
            try await KeyUseReader(connection: connection).forEach(signedBy: kids) { token in
                StandardStreams.print(token.summary)
            }
        }

        private func printJSON(
            _ answer: JSONObject,
            _ kids: [ByteString],
            _ connection: OperatorConnection
        ) async throws {
            var tokens: [JSONValue] = []
            try await KeyUseReader(connection: connection).forEach(signedBy: kids) { tokens.append(.object($0)) }
            var answer = answer
            answer["tokens"] = .array(tokens)
            StandardStreams.print(answer.line)
        }
    }

    struct Tokens: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the tokens that a key signed, one JSON object a line."
        )
        @Argument(help: "Which key, by its kid.") var kid: String
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let connection = try OperatorConnection(store)
            try await KeyUseReader(connection: connection).forEach(signedBy: [ByteString(kid)]) { token in
                StandardStreams.print(token.line)
            }
        }
    }
}

extension JSONObject {
    fileprivate var revokedKids: [ByteString] {
        rows("changes").filter { $0.shown("transition") == "revoke" }.compactMap { $0["kid"]?.stringValue }
    }

    /// What a revoked key signed, on one line.
    fileprivate var summary: String {
        switch shown("svid") {
        case "x509": "x509-svid  \(shown("serial"))  \(shown("subject"))  expires \(expiry)"
        case "jwt":
            "jwt-svid  \(shown("jti"))  \(shown("subject"))  audience \(shown("audience"))  expires \(expiry)"
        default: "token  \(shown("jti"))  job \(shown("job"))  audience \(shown("audience"))  expires \(expiry)"
        }
    }

    fileprivate var expiry: String {
        guard case .integer(let seconds)? = self["exp"] else { return "" }
        return NumericDate(secondsSinceEpoch: seconds).internetDate.string
    }
}
