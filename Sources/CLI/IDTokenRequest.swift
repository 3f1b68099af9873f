import Foundation
import Issuer
import JOSE

/// Asks for a job's tokens with its request token, by GitHub's protocol.
struct IDTokenRequest: Sendable {
    private let url: String
    private let requestToken: String

    /// Nil for a request token that cannot stand in a header.
    init?(url: String, requestToken: String) {
        guard requestToken.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.url = url
        self.requestToken = requestToken
    }

    /// A token; an issuer that is restarting or overloaded is asked again, at most five times in about six seconds.
    func token(for audience: String) async throws -> String {
        let encoded = PercentEncoding.encode(ByteString(audience), reserved: Array("&=+#?/:;,@".utf8))
        let answer = try await get("\(url)&audience=\(encoded.string)")
        guard answer.status == 200 else { throw IssuerAnswer.failure(answer) }
        guard case .object(let object)? = try? JSONReader.read(answer.body), case .string(let token)? = object["value"]
        else {
            throw CommandFailure.failed("the issuer gave no token that can be read")
        }
        return token.string
    }

    private func get(_ url: String) async throws -> HTTPFetcher.Answer {
        let headers = [("Authorization", "Bearer \(requestToken)"), ("Accept", "application/json")]
        for attempt in 0..<5 {
            let answer = try await HTTPFetcher().get(url, headers: headers)
            guard [502, 503, 504].contains(answer.status) else { return answer }
            try await Task.sleep(for: .milliseconds(200 << attempt))
        }
        return try await HTTPFetcher().get(url, headers: headers)
    }
}
