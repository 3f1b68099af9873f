import ArgumentParser
import JOSE
import Keys

/// Which keys a command is about: of one algorithm, or those that sign certificates.
struct AlgorithmOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this algorithm: RS256 or ES256.", valueName: "algorithm"))
    var algorithm: String?

    @Flag(help: "Only the keys that sign certificates; an agent has them.")
    var certificates = false

    func validate() throws {
        if certificates && algorithm != nil {
            throw ValidationError("Say --algorithm or --certificates, not both.")
        }
    }

    /// Nil for all that the ring has.
    func purposes() throws -> [KeyPurpose]? {
        if certificates { return [.certificates] }
        guard let algorithm else { return nil }
        guard let known = SigningAlgorithm(rawValue: algorithm) else {
            throw CommandFailure.wrongUsage("--algorithm must be RS256 or ES256, and not \(algorithm)")
        }
        return [.tokens(known)]
    }
}
