import ArgumentParser
import Issuer
import JOSE

extension KeysCommand {
    struct Drill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rehearse a revocation on the live issuer, and change nothing.",
            discussion: """
                Opens each standby, signs and verifies with it and commits an audit record, as keys revoke would; \
                prints how long that took. Exit 1 where a standby could not take over.
                """
        )
        @OptionGroup var store: StorageOptions

        func run() async throws {
            let answer = try await OperatorConnection(store).perform(.keys(.drill))
            if store.json { StandardStreams.print(answer.line) } else { print(answer) }
            guard answer["ready"] == .bool(true) else {
                throw CommandFailure.failed(
                    "no_standby: an algorithm has no standby that signs; run jobsworth keys rotate"
                )
            }
        }

        private func print(_ answer: JSONObject) {
            for standby in answer.rows("standbys") {
                let known = standby["known_to_verifiers"] == .bool(true)
                StandardStreams.print(
                    "\(RotationAnswer.purpose(standby))  \(standby.shown("kid"))  \(standby["signs"] == .bool(true) ? "signs" : "cannot sign")\(known ? "" : ", but verifiers may not know it yet")"
                )
            }
            StandardStreams.print("a revocation would take \(answer.shown("milliseconds")) ms")
            StandardStreams.print(
                "verifiers would accept the revoked key until \(answer.shown("verifiers_may_accept_until"))"
            )
        }
    }
}
