import AsyncHTTPClient
import Foundation
import JOSE
import NIOCore
import NIOHTTP1
import NIOSSL
import Server

/// The commands' HTTP client: no redirects, no proxy, bounded in time and size.
struct HTTPFetcher {
    struct Answer {
        let status: UInt
        let body: [UInt8]
        /// The lines of `Cache-Control`.
        var cacheControl: [String] = []
        var age: String?
    }

    /// A file of certificates to trust instead of the machine's.
    var trustRoots: String?

    /// How long all of a request may take, the answer's last byte included.
    var limit: Duration = .seconds(30)

    /// The most bytes of an answer's body.
    var maximumBodyBytes = 8_388_608

    /// Addresses to connect to, by the names for which nobody is asked any more.
    var addresses: [String: String] = [:]

    private struct OutOfTime: Error {}

    static let limits = JSONReader.Limits(
        maximumBytes: 8_388_608,
        maximumDepth: 8,
        maximumMembers: 256,
        maximumElements: 100_000
    )

    func get(_ url: String, headers: [(String, String)] = []) async throws -> Answer {
        try await send("GET", url, headers: headers, body: nil)
    }

    func post(_ body: [UInt8], toSocket path: String, path target: String) async throws -> Answer {
        let headers = [("Content-Type", "application/json")]
        return try await send("POST", toSocket: path, path: target, headers: headers, body: body)
    }

    /// Sends a request to who listens on a Unix socket; `target` is its path and query.
    func send(
        _ method: String,
        toSocket path: String,
        path target: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) async throws -> Answer {
        guard let url = URL(httpURLWithSocketPath: UnixSocketPath.short(path), uri: target) else {
            throw CommandFailure.wrongConfiguration("\(path) is not a path of a socket")
        }
        return try await send(method, url.absoluteString, headers: [("Host", "jobsworth")] + headers, body: body)
    }

    func send(_ method: String, _ url: String, headers: [(String, String)], body: [UInt8]?) async throws -> Answer {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(30))
        configuration.httpVersion = .http1Only
        configuration.dnsOverride = addresses
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let trustRoots { tls.trustRoots = .file(trustRoots) }
        configuration.tlsConfiguration = tls
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let answer = try await withinLimit { try await exchange(client, method, url, headers, body) }
            try await client.shutdown()
            return answer
        } catch {
            try? await client.shutdown()
            throw error as? CommandFailure ?? CommandFailure.failed("\(Self.shown(url)): \(Self.explanation(error))")
        }
    }

    /// The client's own deadline ends with the answer's head; a body may drip for ever.
    private func withinLimit(_ exchange: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: exchange)
            group.addTask { [limit] in
                try await Task.sleep(for: limit)
                throw OutOfTime()
            }
            guard let answer = try await group.next() else { throw OutOfTime() }
            return answer
        }
    }

    private func exchange(
        _ client: HTTPClient,
        _ method: String,
        _ url: String,
        _ headers: [(String, String)],
        _ body: [UInt8]?
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .RAW(value: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await client.execute(request, timeout: .seconds(30))
        let buffer = try await response.body.collect(upTo: maximumBodyBytes)
        return Answer(
            status: response.status.code,
            body: Array(buffer.readableBytesView),
            cacheControl: response.headers["Cache-Control"],
            age: response.headers.first(name: "Age")
        )
    }

    /// Never the error's own text: it may quote a header, and so a credential.
    private static func explanation(_ error: any Error) -> String {
        if error is OutOfTime { return late }
        return switch error as? HTTPClientError {
        case HTTPClientError.connectTimeout?, HTTPClientError.deadlineExceeded?, HTTPClientError.readTimeout?:
            late
        case HTTPClientError.emptyHost?, HTTPClientError.emptyScheme?, HTTPClientError.invalidURL?:
            "that is not a URL"
        default: "it cannot be reached; check the address, the network and the certificate"
        }
    }

    private static let late = "no answer in time; is it the right address, and is the server up?"

    /// A URL without its query, which may hold what is nobody's business.
    private static func shown(_ url: String) -> String {
        String(url.prefix { $0 != "?" })
    }
}
