import Foundation
import Issuer
import JOSE
import Policy

/// Asks the issuer for tokens with the request token that the job has in its variables.
struct RequestTokenConnection: Sendable {
    private let url: String
    private let requestToken: String

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let url = environment["ACTIONS_ID_TOKEN_REQUEST_URL"],
            let requestToken = environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
        else {
            throw CommandFailure.failed(
                "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: the job did not opt in to tokens"
            )
        }
        guard let connection = RequestTokenConnection(url: url, requestToken: requestToken) else {
            throw CommandFailure.failed("ACTIONS_ID_TOKEN_REQUEST_TOKEN is not one line of printable characters")
        }
        self = connection
    }

    /// Nil for a request token that cannot stand in a header.
    init?(url: String, requestToken: String) {
        guard requestToken.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.url = url
        self.requestToken = requestToken
    }

    /// A token by GitHub's protocol.
    func token(for audience: ByteString) async throws -> ByteString {
        let encoded = PercentEncoding.encode(audience, reserved: Array("&=+#?/:;,@".utf8))
        return try await token(in: "value", of: send("GET", "\(url)&audience=\(encoded.string)", body: nil))
    }

    /// A token by the protocol of Buildkite's agent, which can say more about it.
    func token(agentBody body: JSONObject) async throws -> ByteString {
        guard let base = jobURL else {
            throw CommandFailure.failed(
                "ACTIONS_ID_TOKEN_REQUEST_URL does not end in /id-token: it is not the one that job start printed"
            )
        }
        return try await token(in: "token", of: send("POST", base + "/oidc/tokens", body: body.serialized))
    }

    /// The job's id as the URL has it; nil where the URL is none of ours.
    var jobID: String? {
        jobURL?.split(separator: "/").last.map(String.init)
    }

    private var jobURL: String? {
        let path = url.prefix { $0 != "?" }
        return path.hasSuffix("/id-token") ? String(path.dropLast("/id-token".count)) : nil
    }

    private func token(in member: ByteString, of answer: HTTPFetcher.Answer) throws -> ByteString {
        guard answer.status == 200 else { throw IssuerAnswer.failure(answer) }
        guard let token = try? JSONReader.read(answer.body).objectValue?[member]?.stringValue else {
            throw CommandFailure.failed("the issuer gave no token that can be read")
        }
        return token
    }

    /// An issuer that is restarting or overloaded is asked again, at most five times in about six seconds.
    private func send(_ method: String, _ url: String, body: [UInt8]?) async throws -> HTTPFetcher.Answer {
        var headers = [("Authorization", "Bearer \(requestToken)"), ("Accept", "application/json")]
        if body != nil { headers.append(("Content-Type", "application/json")) }
        for attempt in 0..<5 {
            let answer = try await HTTPFetcher().send(method, url, headers: headers, body: body)
            guard [502, 503, 504].contains(answer.status) else { return answer }
            try await Task.sleep(for: .milliseconds(200 << attempt))
        }
        return try await HTTPFetcher().send(method, url, headers: headers, body: body)
    }
}
