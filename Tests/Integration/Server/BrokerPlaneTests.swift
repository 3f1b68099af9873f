import Issuer
import JOSE
import Logging
import NIOCore
import NIOHTTP1
import Server
import Synchronization
import Testing

/// What the broker lets through, with an issuer that answers what the test says.
@Suite struct BrokerPlaneTests {
    private static let id = "0123456789abcdef0123456789abcdef"

    private struct NoAnswer: Error {}

    private final class Sent: Sendable {
        private let requests = Mutex<[BrokeredRequest]>([])

        var all: [BrokeredRequest] { requests.withLock { $0 } }

        func note(_ request: BrokeredRequest) {
            requests.withLock { $0.append(request) }
        }
    }

    private func plane(_ sent: Sent, _ answer: BrokeredAnswer?) -> BrokerPlane {
        BrokerPlane(jobs: BrokeredJobs(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) { request in
            sent.note(request)
            guard let answer else { throw NoAnswer() }
            return answer
        }
    }

    private func request(
        _ method: HTTPMethod,
        _ target: String,
        _ body: String = "",
        peer: UInt32? = 1001
    ) -> PlaneRequest {
        let headers: HTTPHeaders = ["Content-Type": "application/json", "Authorization": "Bearer jwr_x"]
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers)
        return PlaneRequest(head: head, body: Array(body.utf8), peer: peer)
    }

    @Test func `a request whose peer is not known is answered by nothing`() async {
        let sent = Sent()
        let response = await plane(sent, nil).answer(request(.POST, "/v1/jobs", "{}", peer: nil))
        #expect(response.status == .notFound)
        #expect(sent.all.isEmpty)
    }

    @Test func `status and body come back as they are and the body goes on as it is`() async throws {
        let sent = Sent()
        let body = #"{ "id" : "\#(Self.id)" }"#
        let plane = plane(sent, BrokeredAnswer(status: 201, body: Array(body.utf8)))
        let response = await plane.answer(request(.POST, "/v1/jobs", #"{ "job" : {} }"#))
        #expect(response.status == .created)
        #expect(String(buffer: response.body) == body)
        #expect(sent.all == [.register(Array(#"{ "job" : {} }"#.utf8))])
        #expect(response.headers["Cache-Control"] == ["no-store"])
    }

    @Test func `a registration whose answer names no job is not passed on`() async {
        let answer = BrokeredAnswer(status: 201, body: Array(#"{"id":"x","token":"jwj_x"}"#.utf8))
        let response = await plane(Sent(), answer).answer(request(.POST, "/v1/jobs", "{}"))
        #expect(response.status == .serviceUnavailable)
        #expect(!String(buffer: response.body).contains("jwj_"))
    }

    @Test func `no answer is a 503 that says so`() async {
        let response = await plane(Sent(), nil).answer(request(.DELETE, "/v1/jobs/\(Self.id)"))
        #expect(response.status == .serviceUnavailable)
        #expect(String(buffer: response.body).contains("issuer_unreachable"))
        #expect(response.headers["Retry-After"] == ["1"])
    }

    @Test func `a reference goes on as what it means`() async {
        let sent = Sent()
        _ = await plane(sent, nil).answer(request(.DELETE, "/v1/jobs?reference=a%2Fb+c%26d"))
        #expect(sent.all == [.endReference("a/b c&d")])
    }

    @Test func `another's job is not asked about`() async {
        let sent = Sent()
        let plane = plane(sent, BrokeredAnswer(status: 201, body: Array(#"{"id":"\#(Self.id)"}"#.utf8)))
        _ = await plane.answer(request(.POST, "/v1/jobs", #"{"reference":"r"}"#))
        for (method, target) in [
            (HTTPMethod.DELETE, "/v1/jobs/\(Self.id)"), (.POST, "/v1/jobs/\(Self.id)/heartbeat"),
            (.DELETE, "/v1/jobs?reference=r"),
        ] {
            let head = HTTPRequestHead(version: .http1_1, method: method, uri: target)
            let response = await plane.answer(PlaneRequest(head: head, body: [], peer: 1002))
            #expect(response.status == .notFound)
        }
        #expect(sent.all.count == 1)
    }

    @Test(arguments: [nil, BrokeredAnswer(status: 503, body: []), BrokeredAnswer(status: 201, body: [])])
    func `who lost the answer to a registration is told of its job and nobody else is`(first: BrokeredAnswer?) async {
        let sent = Sent()
        let body = #"{"id":"\#(Self.id)"}"#
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let plane = BrokerPlane(jobs: BrokeredJobs(), logger: logger) { request in
            sent.note(request)
            guard sent.all.count == 1 else { return BrokeredAnswer(status: 200, body: Array(body.utf8)) }
            guard let first else { throw NoAnswer() }
            return first
        }
        let registration = #"{"reference":"r"}"#
        _ = await plane.answer(request(.POST, "/v1/jobs", registration))
        let other = await plane.answer(request(.POST, "/v1/jobs", registration, peer: 1002))
        #expect(other.status == .conflict)
        #expect(sent.all.count == 1)
        let again = await plane.answer(request(.POST, "/v1/jobs", registration))
        #expect(again.status == .ok)
        #expect(String(buffer: again.body) == body)
    }
}
