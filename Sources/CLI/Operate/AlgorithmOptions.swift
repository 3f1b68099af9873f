import ArgumentParser
import JOSE

/// Which of the two algorithms a command is about.
struct AlgorithmOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this algorithm: RS256 or ES256.", valueName: "algorithm"))
    var algorithm: String?

    func algorithms() throws -> [SigningAlgorithm] {
        guard let algorithm else { return SigningAlgorithm.allCases }
        guard let known = SigningAlgorithm(rawValue: algorithm) else {
            throw CommandFailure.wrongUsage("--algorithm must be RS256 or ES256, and not \(algorithm)")
        }
        return [known]
    }
}
