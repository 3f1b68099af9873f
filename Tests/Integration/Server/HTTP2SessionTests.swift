import NIOCore
import NIOHTTP1
import Testing

@testable import Server

@Suite struct HTTP2SessionTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])
    /// GET, https, /x, and the authority a, by HPACK's static table.
    private static let block: [UInt8] = [0x82, 0x87, 0x04, 0x02, 0x2F, 0x78, 0x01, 0x01, 0x61]
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [0, 0, UInt8(payload.count), type, flags, 0, 0, 0, stream] + payload
    }

    private func session() throws -> HTTP2Session {
        try #require(HTTP2Session(limits: RequestLimits(), isSecure: true, at: start))
    }

    private func receive(_ bytes: [UInt8], _ session: HTTP2Session, at now: NIODeadline? = nil) {
        bytes.withUnsafeBytes { session.receive($0, at: now ?? start) }
    }

    private func sent(_ session: HTTP2Session) -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = session.output() { bytes += piece }
        return bytes
    }

    private func requests(_ session: HTTP2Session) -> [String] {
        session.takeEvents().map { event in
            switch event {
            case .request(let id, let head, let body):
                "\(id) \(head.method) \(head.uri) \(head.headers["host"]) \(body.count)"
            case .refused(let id, let fault): "\(id) \(fault)"
            }
        }
    }

    @Test func `a request is read alike in one piece and byte by byte`() throws {
        let bytes = Self.preface + Self.frame(1, 5, 1, Self.block)
        let whole = try session()
        receive(bytes, whole)
        let pieces = try session()
        for byte in bytes { receive([byte], pieces) }
        let found = requests(whole)
        #expect(found == ["1 GET /x [\"a\"] 0"])
        #expect(requests(pieces) == found)
    }

    @Test func `an answer is given once and to a stream that is there`() throws {
        let session = try session()
        receive(Self.preface + Self.frame(1, 5, 1, Self.block), session)
        _ = sent(session)
        session.answer(1, PlaneResponse(status: .ok, body: ByteBuffer(string: "whole")))
        session.answer(1, PlaneResponse(status: .ok, body: ByteBuffer(string: "again")))
        session.answer(3, PlaneResponse(status: .ok, body: ByteBuffer(string: "other")))
        let text = String(decoding: sent(session), as: UTF8.self)
        #expect(text.hasSuffix("whole") && !text.contains("again") && !text.contains("other"))
        #expect(session.streams.isEmpty && !session.hasFailed)
    }

    @Test func `a body that does not come in time is refused, a head ends the connection`() throws {
        let session = try session()
        receive(Self.preface + Self.frame(1, 4, 1, Self.block), session)
        session.expire(at: start + .seconds(9))
        #expect(requests(session).isEmpty)
        session.expire(at: start + .seconds(11))
        #expect(requests(session) == ["1 tooSlow"])
        receive(Self.frame(1, 0, 3, Self.block), session, at: start + .seconds(11))
        session.expire(at: start + .seconds(15))
        #expect(!session.hasFailed)
        session.expire(at: start + .seconds(17))
        #expect(session.hasFailed)
    }

    @Test func `after a failure nothing is read any more`() throws {
        let session = try session()
        receive(Array("GET / HTTP/1.1\r\n\r\n".utf8) + Self.preface, session)
        #expect(session.hasFailed)
        receive(Self.preface + Self.frame(1, 5, 1, Self.block), session)
        #expect(requests(session).isEmpty && session.streams.isEmpty)
    }
}
