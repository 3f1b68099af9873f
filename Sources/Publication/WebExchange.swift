import AsyncHTTPClient
import JOSE
import NIOCore
import NIOHTTP1

/// One request to a place and its answer: no redirect is followed, no proxy asked, time and size are bounded.
struct WebExchange: Sendable {
    struct Answer: Sendable {
        let status: UInt
        let contentType: ByteString
        let body: [UInt8]
    }

    private static let maximumBytes = 1_048_576
    private let url: String
    private let request: HTTPClientRequest
    private let limit: Duration

    /// `limit` is for the whole exchange, from the connection to the answer's last byte.
    init(
        _ method: HTTPMethod,
        _ url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil,
        limit: Duration = .seconds(30)
    ) {
        self.url = url
        self.limit = limit
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        // What is compared byte for byte must not come packed.
        request.headers.add(name: "Accept-Encoding", value: "identity")
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        self.request = request
    }

    func answer() async throws(PublicationError) -> Answer {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(30))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let answer = try await answerInTime(client)
            try? await client.shutdown()
            return answer
        } catch {
            try? await client.shutdown()
            throw failure(error)
        }
    }

    /// The client's own deadline ends with the answer's head: a body that drips would have no end.
    private func answerInTime(_ client: HTTPClient) async throws -> Answer {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            group.addTask { try await exchange(client) }
            group.addTask {
                try await Task.sleep(for: limit)
                throw PublicationError.noAnswerInTime(url)
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw PublicationError.noAnswerInTime(url) }
            return answer
        }
    }

    private func exchange(_ client: HTTPClient) async throws -> Answer {
        let response = try await client.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: Self.maximumBytes)
        return Answer(
            status: response.status.code,
            contentType: ByteString(response.headers.first(name: "Content-Type") ?? ""),
            body: Array(body.readableBytesView)
        )
    }

    /// Never the error's own text: it may quote a header, and so a credential.
    private func failure(_ error: any Error) -> PublicationError {
        if let failure = error as? PublicationError { return failure }
        if error is NIOTooManyBytesError { return .answerTooLarge(url) }
        switch error as? HTTPClientError {
        case HTTPClientError.connectTimeout?, HTTPClientError.deadlineExceeded?, HTTPClientError.readTimeout?:
            return .noAnswerInTime(url)
        default: return .unreachable(url)
        }
    }
}

extension WebExchange.Answer {
    /// What an answer to a write means, where it is no success.
    func writeFailure(_ url: String) -> PublicationError? {
        switch status {
        case 200...299: nil
        case 300...399: .redirected(url)
        case 401, 403: .writeRefused(url, status: status)
        default: .writeFailed(url, status: status)
        }
    }

    /// The copy that was read; only a 200 is one.
    func copy(_ url: String) throws(PublicationError) -> PublishedCopy {
        switch status {
        case 200: return PublishedCopy(location: url, body: body, contentType: contentType)
        case 300...399: throw .redirected(url)
        default: throw .notReadable(url, status: status)
        }
    }
}
