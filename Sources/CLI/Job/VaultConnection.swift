import Issuer
import JOSE
import JobFile
import Policy
import Publication

/// Speaks to Vault or OpenBao: a login with a job's token, reads, and the end of the login.
struct VaultConnection {
    private let settings: VaultSettings

    init(_ settings: VaultSettings) {
        self.settings = settings
    }

    /// Logs in with a job's token; the answer is Vault's own token.
    func logIn(_ token: ByteString) async throws -> VaultLogin {
        var body = JSONObject([("jwt", .string(token))])
        body["role"] = settings.role.map { .string(ByteString($0)) }
        let path = "auth/\(settings.authenticationPath)/login"
        let answer = try await send("POST", path, login: nil, jobToken: token, body: body.serialized)
        guard let text = answer["auth"]?.objectValue?["client_token"]?.stringValue, Secret(text.bytes) != nil else {
            throw CommandFailure.failed("Vault's answer to the login cannot be read")
        }
        return VaultLogin(token: text.string, jobToken: token.string)
    }

    /// The field of a secret: a text's bytes, or another value as JSON.
    func read(_ secret: VaultSecret, _ login: VaultLogin) async throws -> [UInt8] {
        let answer = try await send("GET", secret.readPath.string, login: login)
        let data = answer["data"]?.objectValue
        let fields = secret.engine == .keyValueV2 ? data?["data"]?.objectValue : data
        switch fields?[secret.field] {
        case .string(let text)?: return text.bytes
        case let value?: return value.serialized
        case nil: throw CommandFailure.failed("there is no field \(secret.field) at \(secret.readPath)")
        }
    }

    func end(_ login: VaultLogin) async throws {
        _ = try await send("POST", "auth/token/revoke-self", login: login)
    }

    private func send(
        _ method: String,
        _ path: String,
        login: VaultLogin?,
        jobToken: ByteString? = nil,
        body: [UInt8]? = nil
    ) async throws -> JSONObject {
        var headers = [("X-Vault-Request", "true")]
        if let login { headers.append(("X-Vault-Token", login.token)) }
        if let namespace = settings.namespace { headers.append(("X-Vault-Namespace", namespace)) }
        let encoded = PercentEncoding.encode(ByteString(path), reserved: Array("?#&=+;,@\"<>\\^`{|}[]".utf8))
        let url = "\(settings.url)/v1/\(encoded.string)"
        let answer = try await HTTPFetcher(trustRoots: settings.certificates)
            .send(method, url, headers: headers, body: body)
        guard (200..<300).contains(answer.status) else {
            throw Self.failure(answer, tokens: [jobToken?.string, login?.token, login?.jobToken].compactMap(\.self))
        }
        return (try? JSONReader.read(answer.body, limits: HTTPFetcher.limits))?.objectValue ?? JSONObject()
    }

    /// Vault's own words, as far as they may be shown.
    private static func failure(_ answer: HTTPFetcher.Answer, tokens: [String]) -> CommandFailure {
        let object = (try? JSONReader.read(answer.body, limits: HTTPFetcher.limits))?.objectValue
        let words = VaultComplaint(object?.shown("errors") ?? "", tokens: tokens).description
        return .failed("Vault answered \(answer.status)\(words.isEmpty ? "" : ": \(words)")")
    }
}
