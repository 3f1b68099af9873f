import Discovery
import JOSE
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import Server

/// A process that has not heard of the ring for too long may lack a key that others publish (threat G03).
@Suite struct OldJWKSetTests {
    private final class Age: Sendable {
        let isOld = Mutex(false)
    }

    private let age = Age()
    private let plane: PublicPlane

    init() throws {
        plane = PublicPlane(
            issuer: try IssuerIdentifier("https://ci.example"),
            metadata: PublishedDocument(body: Array("{}".utf8), contentType: "application/json", maximumAge: 7),
            jwkSet: Self.document("a"),
            isOld: { [age] in age.isOld.withLock { $0 } }
        )
    }

    private static func document(_ text: String) -> PublishedDocument {
        PublishedDocument(body: Array(text.utf8), contentType: "application/json", maximumAge: 9)
    }

    private func answer(_ path: String = "/.well-known/jwks") throws -> PlaneResponse {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
        return try #require(plane.answerAtOnce(PlaneRequest(head: head, body: [])))
    }

    /// The head as the fast path writes it.
    private func headAtOnce() throws -> String {
        let request = Array("GET /.well-known/jwks HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let answers = UsualRequest(request.span).flatMap { plane.documentAtOnce($0, in: request.span) }
        let framing = AnswerHead.Framing(isSecure: false, keepsAlive: true)
        return String(buffer: try #require(answers).whole.headBytes(framing))
    }

    @Test func `an old JWK Set is answered in the same bytes, and no cache keeps it`() throws {
        let young = try answer()
        #expect(young.headers["Cache-Control"] == ["public, max-age=9"])
        age.isOld.withLock { $0 = true }
        let old = try answer()
        #expect(old.headers["Cache-Control"] == ["public, max-age=0"])
        #expect(old.status == .ok && old.body == young.body && old.headers["ETag"] == young.headers["ETag"])
        #expect(try headAtOnce().contains("Cache-Control: public, max-age=0\r\n"))
        #expect(try answer("/.well-known/openid-configuration").headers["Cache-Control"] == ["public, max-age=7"])
        age.isOld.withLock { $0 = false }
        #expect(try answer().headers == young.headers)
        #expect(try headAtOnce().contains("Cache-Control: public, max-age=9\r\n"))
    }

    @Test func `a set that is published while the last was old is kept from then on`() throws {
        age.isOld.withLock { $0 = true }
        plane.publish(jwkSet: Self.document("b"))
        #expect(try answer().headers["Cache-Control"] == ["public, max-age=0"])
        age.isOld.withLock { $0 = false }
        #expect(try answer().body == ByteBuffer(string: "b"))
        #expect(try answer().headers["Cache-Control"] == ["public, max-age=9"])
    }
}
