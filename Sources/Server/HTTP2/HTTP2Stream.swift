import NIOCore
import NIOHTTP1

/// One request on its way in, and its answer on its way out.
///
/// A class because it changes with every frame; its session alone holds it.
final class HTTP2Stream {
    enum Phase {
        case head
        case body
        /// The request is whole or refused; the answer is made or sent.
        case answer
    }

    var phase = Phase.head
    var deadline: NIODeadline
    /// The request without its body, where that is still to come.
    var head: HTTPRequestHead?
    var asksForHeadOnly = false
    private(set) var body: [UInt8] = []
    /// The answer's body, and how much of it was sent.
    var answer = ByteBuffer()
    /// Whether an answer was given.
    var isAnswered = false
    /// Whether the answer went out to its end.
    var isSent = false
    /// The size of the header list so far, as RFC 9113 §6.5.2 counts it: 32 more for each field than its bytes.
    var headerListSize = 0

    init(deadline: NIODeadline) {
        self.deadline = deadline
    }

    /// Takes a piece of the body; false where it would grow beyond the limit.
    func append(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: RequestLimits) -> Bool {
        guard body.count + bytes.count <= limits.body else { return false }
        body.append(contentsOf: bytes)
        return true
    }

    /// Gives the body away; what is left is none.
    func takeBody() -> [UInt8] {
        defer { body = [] }
        return body
    }
}
