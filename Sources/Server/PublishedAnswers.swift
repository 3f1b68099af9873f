import Discovery
import JOSE
import NIOCore
import NIOHTTP1

/// The two answers that a published document can have, made once and given as they are.
final class PublishedAnswers: Sendable {
    let full: PlaneResponse
    let notModified: PlaneResponse
    /// The full answer, and its head as the answer to HEAD.
    let whole: WholeAnswer
    private let entityTag: ByteString
    /// The full answer's head over HTTP/2.
    let http2Head: HTTP2AnswerHead

    init(_ document: PublishedDocument) {
        let headers: HTTPHeaders = [
            "Content-Type": document.contentType.string, "Cache-Control": document.cacheControl.string,
            "ETag": document.entityTag.string, "Access-Control-Allow-Origin": "*",
        ]
        full = PlaneResponse(status: .ok, headers: headers, body: ByteBuffer(bytes: document.body))
        notModified = PlaneResponse(status: .notModified, headers: headers)
        entityTag = document.entityTag
        whole = WholeAnswer(full)
        http2Head = HTTP2AnswerHead(full)
    }

    /// Whether the caller says that it has these bytes: weak comparison, as `If-None-Match` wants (RFC 9110 §13.1.2).
    func isKnown(to request: PlaneRequest) -> Bool {
        request.headers["If-None-Match"].contains { field in
            field.utf8.split(separator: UInt8(ascii: ",")).contains { candidate in
                let trimmed = candidate.drop(while: Self.isBlank)
                let tag = trimmed.starts(with: "W/".utf8) ? trimmed.dropFirst(2) : trimmed
                let bytes = ByteString(tag.reversed().drop(while: Self.isBlank).reversed())
                return bytes == entityTag || bytes == "*"
            }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09
    }
}
