import Discovery
import JOSE

/// Where the runner plane is: a URL that a credential may be sent to.
struct RunnerPlaneURL {
    let value: String

    /// The runner plane's own URL before the issuer's, each before its variable.
    init(_ runnerURL: String?, _ issuer: String?, _ environment: [String: String]) throws {
        let url = runnerURL ?? environment["JOBSWORTH_RUNNER_URL"] ?? issuer ?? environment["JOBSWORTH_ISSUER"]
        guard let url else {
            throw CommandFailure.wrongUsage("say with --issuer or JOBSWORTH_ISSUER who the issuer is")
        }
        guard let split = URLOrigin.split(ByteString(url)), split.origin.scheme == "https" || split.origin.isLoopback
        else {
            throw CommandFailure.wrongConfiguration("\(url) is refused: the credential is sent over https only")
        }
        value = url
    }
}
