import NIOCore
import NIOHTTP1

/// One request on its way in, and its answer on its way out.
///
/// A class because it changes with every field and frame; its session alone holds it.
final class HTTP2Stream {
    enum Phase {
        case head
        case body
        /// The request is whole or refused; the answer is made or sent.
        case answer
    }

    var phase = Phase.head
    var deadline: NIODeadline
    /// The request without its body, once all of it came.
    private(set) var head: HTTPRequestHead?
    private(set) var body: [UInt8] = []
    /// The answer's body, and how much of it was sent.
    var answer = ByteBuffer()
    /// Whether an answer was given.
    var isAnswered = false
    /// Whether the answer went out to its end.
    var isSent = false

    private var method = ""
    private var path = ""
    private var authority: String?
    private var headers = HTTPHeaders()
    /// The size of the header list so far, as RFC 9113 §6.5.2 counts it: 32 more for each field than its bytes.
    private(set) var headerListSize = 0
    private var headerBytes = 0
    private var headerCount = 0
    private var isExtendedConnect = false

    init(deadline: NIODeadline) {
        self.deadline = deadline
    }

    /// Takes a header field; those beyond the limits are counted and not kept.
    func add(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, _ limits: RequestLimits) {
        headerListSize += name.count + value.count + 32
        guard phase == .head else { return }
        guard name.first == UInt8(ascii: ":") else { return addField(name, value, limits) }
        switch name.count {
        case 5: path = String(decoding: value, as: UTF8.self)
        case 7 where name[1] == UInt8(ascii: "m"): method = String(decoding: value, as: UTF8.self)
        case 10: authority = String(decoding: value, as: UTF8.self)
        case 9: isExtendedConnect = true
        default: return
        }
    }

    private func addField(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        _ limits: RequestLimits
    ) {
        headerBytes += name.count + value.count
        headerCount += 1
        guard headerBytes <= limits.headers, headerCount <= limits.headerCount else { return }
        headers.add(name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
    }

    /// The end of the head: why it is refused, or nil.
    func endHead(_ limits: RequestLimits) -> RequestFault? {
        if path.utf8.count > limits.headerLine { return .targetTooLong }
        if headerBytes > limits.headers || headerCount > limits.headerCount { return .headersTooLarge }
        if headers.contains(where: { $0.name.utf8.count + $0.value.utf8.count > limits.headerLine }) {
            return .headersTooLarge
        }
        if isExtendedConnect { return .malformedRequest }
        let hosts = headers["host"]
        if let authority {
            // RFC 9113 §8.3.1: a Host that differs makes the request malformed.
            if hosts.contains(where: { $0 != authority }) { return .malformedRequest }
            if hosts.isEmpty { headers.add(name: "host", value: authority) }
        }
        let head = HTTPRequestHead(
            version: HTTPVersion(major: 2, minor: 0),
            method: HTTPMethod(rawValue: method),
            uri: path,
            headers: headers
        )
        self.head = head
        return head.fault(within: limits)
    }

    /// Whether the answer goes without its body.
    var asksForHeadOnly: Bool { method == "HEAD" }

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
