import Foundation

/// A signal by its name, as `SIGHUP`.
struct SignalName: Hashable, Sendable {
    let number: Int32

    /// Takes the names of the signals that programs reload on or end by.
    init?(_ name: String) {
        guard let number = Self.numbers[name] else { return nil }
        self.number = number
    }

    static var known: String { numbers.keys.sorted().joined(separator: ", ") }

    private static let numbers: [String: Int32] = [
        "SIGHUP": SIGHUP, "SIGINT": SIGINT, "SIGQUIT": SIGQUIT, "SIGTERM": SIGTERM, "SIGUSR1": SIGUSR1,
        "SIGUSR2": SIGUSR2, "SIGWINCH": SIGWINCH, "SIGCONT": SIGCONT, "SIGALRM": SIGALRM, "SIGKILL": SIGKILL,
    ]
}
