import Issuer
import JOSE

/// What the issuer says after it was told something about its keys, for people.
struct RotationAnswer {
    private let answer: JSONObject

    init(_ answer: JSONObject) {
        self.answer = answer
    }

    /// Does what `command` says and prints what came of it.
    static func perform(_ command: KeyCommand, _ store: StorageOptions) async throws {
        let answer = try await OperatorConnection(store).perform(.keys(command))
        if store.json { return StandardStreams.print(answer.line) }
        RotationAnswer(answer).print()
    }

    func print() {
        printChanges()
        printWaits()
    }

    func printChanges() {
        for change in answer.rows("changes") {
            StandardStreams.print("\(change.shown("transition"))  \(Self.purpose(change))  \(change.shown("kid"))")
        }
    }

    func printWaits() {
        for wait in answer.rows("waiting") {
            let until = wait.shown("until")
            StandardStreams.print(
                "\(Self.purpose(wait))  \(wait.shown("kid"))  \(Self.explanation(wait))\(until.isEmpty ? "" : " until \(until)")"
            )
        }
    }

    /// What the key of a row signs: `certificates`, or tokens with an algorithm.
    static func purpose(_ row: JSONObject) -> String {
        let purpose = row.shown("purpose")
        return purpose.isEmpty ? row.shown("algorithm") : purpose
    }

    private static func explanation(_ wait: JSONObject) -> String {
        switch wait.shown("waits_for") {
        case "rotation_interval": "is the standby; the active key signs"
        case "publication_lead": "waits until verifiers know it,"
        case "serve": "waits until a running issuer publishes it"
        case "publish": "waits until it was published at \(wait.shown("place")): run jobsworth publish"
        case "grace_period": "stays published for the tokens it signed,"
        case "maximum_published": "waits: more keys would be published than keys.maximumPublished"
        case "clock": "waits: the clock was moved; set it right, or run jobsworth keys rotate --clock-is-right"
        default: "waits for \(wait.shown("waits_for"))"
        }
    }
}
