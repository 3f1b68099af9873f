import ArgumentParser
import JOSE

/// How a command prints a token.
enum TokenFormat: String, ExpressibleByArgument {
    /// The token alone.
    case jwt
    /// What Google's libraries read from the executable of a credential.
    case gcp

    /// Prints the token that `work` gets, or its failure where the reader wants that as JSON, too.
    func print(_ work: () async throws -> ByteString) async throws {
        switch self {
        case .jwt: StandardStreams.print(try await work().string)
        case .gcp:
            do {
                let file = ExecutableCredential.outputFile
                let answer = ExecutableCredential(token: try await work(), isKept: file != nil).document
                if let file { try PrivateFile.write(answer.serialized, to: file) }
                StandardStreams.print(answer.line)
            } catch let failure as CommandFailure {
                StandardStreams.print(ExecutableCredential(failure).document.line)
                throw failure
            }
        }
    }
}
