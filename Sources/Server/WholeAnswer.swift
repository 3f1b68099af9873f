import NIOCore
import NIOHTTP1
import Synchronization

/// An answer that is the same for whoever asks, as the bytes that the encoder would write: made once a second, for then
/// its `Date` is another.
final class WholeAnswer: Sendable {
    private struct Made {
        let date: String
        let framing: AnswerHead.Framing
        let bytes: ByteBuffer
    }

    let response: PlaneResponse
    private let head: AnswerHead
    private let last = Mutex<Made?>(nil)

    init(_ response: PlaneResponse) {
        self.response = response
        head = AnswerHead(response)
    }

    /// Head and body.
    func bytes(_ framing: AnswerHead.Framing) -> ByteBuffer {
        let date = HTTPDate.now
        return last.withLock { last in
            if let last, last.date == date, last.framing == framing { return last.bytes }
            var bytes = headBytes(framing)
            bytes.writeImmutableBuffer(response.body)
            last = Made(date: date, framing: framing, bytes: bytes)
            return bytes
        }
    }

    /// The head alone, as the answer to HEAD.
    func headBytes(_ framing: AnswerHead.Framing) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(512 + response.body.readableBytes)
        head.write(length: response.body.readableBytes, framing, to: &bytes)
        return bytes
    }
}
