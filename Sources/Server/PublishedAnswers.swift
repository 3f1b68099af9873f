import Discovery
import JOSE
import NIOCore
import NIOHTTP1
import Synchronization

/// The two answers that a published document can have, made once and given as they are.
final class PublishedAnswers: Sendable {
    /// The bytes of the full answer in one framing, good for one second: then its `Date` is another.
    private struct Whole {
        let date: String
        let framing: AnswerHead.Framing
        let bytes: ByteBuffer
    }

    let full: PlaneResponse
    let notModified: PlaneResponse
    private let entityTag: ByteString
    private let fullHead: AnswerHead
    private let last = Mutex<Whole?>(nil)
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
        fullHead = AnswerHead(full)
        http2Head = HTTP2AnswerHead(full)
    }

    /// The full answer as the encoder would write it.
    func whole(_ framing: AnswerHead.Framing) -> ByteBuffer {
        let date = HTTPDate.now
        return last.withLock { last in
            if let last, last.date == date, last.framing == framing { return last.bytes }
            var bytes = head(framing)
            bytes.writeImmutableBuffer(full.body)
            last = Whole(date: date, framing: framing, bytes: bytes)
            return bytes
        }
    }

    /// Its head alone, as the answer to HEAD.
    func head(_ framing: AnswerHead.Framing) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(512 + full.body.readableBytes)
        fullHead.write(length: full.body.readableBytes, framing, to: &bytes)
        return bytes
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
