import Discovery
import JOSE
import NIOCore
import NIOHTTP1
import Testing

@testable import Server

/// A document that the session answers by itself has the bytes of the plane's answer.
@Suite struct HTTP2DocumentTests {
    private static let beginning = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
    private static let get: [UInt8] = [0x82]
    private static let authority: [UInt8] = [0x87, 0x01, 0x01, 0x61]
    private let plane: PublicPlane

    init() throws {
        plane = PublicPlane(
            issuer: try IssuerIdentifier("https://ci.example/a"),
            metadata: PublishedDocument(body: Array("{\"m\":1}".utf8), contentType: "application/json", maximumAge: 7),
            jwkSet: PublishedDocument(body: Array("{\"keys\":[]}".utf8), contentType: "application/json", maximumAge: 9)
        )
    }

    // Literals of HPACK without indexing (RFC 7541 §6.2.2): a name of the static table, and a new name.
    private static func literal(_ index: UInt8, _ value: String) -> [UInt8] {
        [index, UInt8(value.utf8.count)] + Array(value.utf8)
    }

    private static func literal(_ name: String, _ value: String) -> [UInt8] {
        literal(0, name) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }

    private static func asking(_ path: String, _ method: [UInt8] = get, _ fields: [UInt8] = []) -> [UInt8] {
        let block = method + literal(4, path) + authority + fields
        return beginning + [0, UInt8(block.count >> 8), UInt8(block.count & 0xFF), 1, 5, 0, 0, 0, 1] + block
    }

    /// The bytes of the answer, and whether the plane was asked for it.
    private func answer(_ request: [UInt8], with documents: PublicPlane?) throws -> (bytes: [UInt8], isAsked: Bool) {
        let found = HTTP2Session(limits: RequestLimits(), isSecure: true, documents: documents, at: .now())
        let session = try #require(found)
        request.withUnsafeBytes { session.receive($0, at: .now()) }
        let events = session.takeEvents()
        for event in events {
            switch event {
            case .refused(let id, let fault): session.answer(id, plane.answer(fault))
            case .request(let id, let head, let body):
                let request = PlaneRequest(head: head, body: body)
                session.answer(id, plane.answerAtOnce(request) ?? ErrorResponse.response(to: .pathNotFound))
            }
        }
        var bytes: [UInt8] = []
        while let piece = session.output() { bytes += piece }
        return (bytes, !events.isEmpty)
    }

    /// Whether both ways give the same bytes; a second may end between the two, and with it the date.
    private func isAnsweredAlike(_ request: [UInt8]) throws -> Bool {
        for _ in 0..<3 {
            let short = try answer(request, with: plane).bytes
            if try short == answer(request, with: nil).bytes { return true }
        }
        return false
    }

    @Test(arguments: ["/a/.well-known/jwks", "/a/.well-known/jwks.json", "/a/.well-known/openid-configuration"])
    func `a plain request for a document gets at once what the plane answers`(path: String) throws {
        for method in [Self.get, Self.literal(2, "HEAD")] {
            let request = Self.asking(path, method, Self.literal("x-anything", "1"))
            #expect(try isAnsweredAlike(request))
            #expect(try !answer(request, with: plane).isAsked)
        }
    }

    @Test(arguments: [
        asking("/a/.well-known/jwks?x=1"), asking("/.well-known/jwks"), asking("/a/.well-known/jwksx"),
        asking("/a/.well-known/jwks", literal(2, "POST")), asking("/a/.well-known/jwks", literal(2, "get")),
        asking("/a/.well-known/jwks", get, literal("if-none-match", "*")),
        asking("/a/.well-known/jwks", get, literal("host", "a")),
        asking("/a/.well-known/jwks", get, literal("host", "b")),
        asking("/a/.well-known/jwks", get, literal("content-length", "0")),
        asking("/a/.well-known/jwks", get, (0..<65).flatMap { _ in [0, 1, 0x78, 0] }),
    ])
    func `any other request is the plane's`(request: [UInt8]) throws {
        #expect(try answer(request, with: plane).isAsked)
        #expect(try isAnsweredAlike(request))
    }

    @Test func `the next document is answered from when it is published`() throws {
        let request = Self.asking("/a/.well-known/jwks")
        let before = try answer(request, with: plane).bytes
        let next = PublishedDocument(body: Array("{}".utf8), contentType: "application/json", maximumAge: 9)
        plane.publish(jwkSet: next)
        let after = try answer(request, with: plane).bytes
        #expect(before.suffix(11) == Array("{\"keys\":[]}".utf8)[...])
        #expect(after.suffix(2) == Array("{}".utf8)[...])
    }
}
