import Foundation
import Issuer
import JOSE
import Logging
import Policy
import Server
import Synchronization

/// The issuer as the broker reaches it: with the runner's credential, which never leaves this process otherwise.
final class BrokeredIssuer: Sendable {
    private let url: String
    private let credentialFile: String
    private let credential: Mutex<RunnerCredential>
    private let logger: Logger

    init(_ url: RunnerPlaneURL, credentialFile: String, logger: Logger) throws {
        self.url = url.value
        self.credentialFile = credentialFile
        self.logger = logger
        credential = Mutex(try Self.read(credentialFile))
    }

    /// Takes the credential that the file holds now; one that cannot be used changes nothing.
    func reload() {
        do {
            let fresh = try Self.read(credentialFile)
            credential.withLock { $0 = fresh }
            logger.info("credential read again")
        } catch {
            let reason = (error as? CommandFailure)?.message ?? "it cannot be read"
            logger.error("the credential stays what it was", metadata: ["reason": "\(reason)"])
        }
    }

    func answer(_ request: BrokeredRequest) async throws -> BrokeredAnswer {
        var headers = [("Authorization", "Bearer " + credential.withLock { $0.secret.string })]
        if request.body != nil { headers.append(("Content-Type", "application/json")) }
        do {
            let answer = try await HTTPFetcher()
                .send(request.method, url + request.target, headers: headers, body: request.body)
            if answer.status == 401 {
                logger.error("the issuer does not know this credential, or it was revoked: see runner list")
            }
            return BrokeredAnswer(status: answer.status, body: answer.body)
        } catch {
            let reason = (error as? CommandFailure)?.message ?? "no answer"
            logger.warning("the issuer gave no answer", metadata: ["reason": "\(reason)"])
            throw error
        }
    }

    private static func read(_ path: String) throws -> RunnerCredential {
        let text = try PrivateFile.read(path, limit: 4096)
        let line = String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let credential = RunnerCredential(ByteString(line)) else {
            throw CommandFailure.wrongConfiguration(
                "\(path) holds no runner credential: it must be the one line, beginning with jwr_, that runner add printed"
            )
        }
        return credential
    }
}

extension BrokeredRequest {
    fileprivate var method: String {
        switch self {
        case .register, .heartbeat: "POST"
        case .setFacts: "PATCH"
        case .end, .endReference: "DELETE"
        }
    }

    /// Path and query, written anew from what was understood.
    fileprivate var target: String {
        switch self {
        case .register: "/v1/jobs"
        case .setFacts(let id, _), .end(let id): "/v1/jobs/\(id.text.string)"
        case .heartbeat(let id): "/v1/jobs/\(id.text.string)/heartbeat"
        case .endReference(let reference):
            "/v1/jobs?reference="
                + PercentEncoding.encode(reference, reserved: Array("&=+#?/:;,@".utf8)).string
        }
    }

    fileprivate var body: [UInt8]? {
        switch self {
        case .register(let body), .setFacts(_, let body): body
        case .heartbeat, .end, .endReference: nil
        }
    }
}
