import NIOHTTP1

/// The head of a request while it is read, in bytes.
///
/// A connection has one at a time, for nothing comes between the frames of a header block (RFC 9113 §4.3): its room is
/// kept from request to request. Fields beyond the limits are counted and not kept.
struct HTTP2RequestHead {
    private struct Field {
        let name: Range<Int>
        let value: Range<Int>
    }

    private struct Parts {
        var method = 0..<0
        var path = 0..<0
        var authority: Range<Int>?
        var hostCount = 0
        var headerBytes = 0
        var headerCount = 0
        var hasLongField = false
        var isExtendedConnect = false
        /// Whether no field but `:method` and `:path` has a say in the answer.
        var isPlain = true
    }

    private let limits: RequestLimits
    private var bytes: [UInt8] = []
    private var fields: [Field] = []
    private var parts = Parts()

    init(limits: RequestLimits) {
        self.limits = limits
    }

    /// The block of another request begins.
    mutating func begin() {
        let isSmall = bytes.capacity <= Self.keptRoom
        bytes.removeAll(keepingCapacity: isSmall)
        fields.removeAll(keepingCapacity: isSmall)
        parts = Parts()
    }

    // MARK: - Reading

    mutating func add(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        guard name.first == UInt8(ascii: ":") else { return addField(name, value) }
        switch name.count {
        case 5: parts.path = keep(value)
        case 7 where name[1] == UInt8(ascii: "m"): parts.method = keep(value)
        case 10: parts.authority = keep(value)
        case 9: parts.isExtendedConnect = true
        default: return
        }
    }

    private mutating func addField(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        parts.headerBytes += name.count + value.count
        parts.headerCount += 1
        guard parts.headerBytes <= limits.headers, parts.headerCount <= limits.headerCount else { return }
        if name.count + value.count > limits.headerLine { parts.hasLongField = true }
        let field = Field(name: keep(name), value: keep(value))
        fields.append(field)
        note(field.name)
    }

    private mutating func keep(_ text: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        let start = bytes.count
        bytes.append(contentsOf: text)
        return start..<bytes.count
    }

    private mutating func note(_ name: Range<Int>) {
        switch name.count {
        case 4 where bytes.span.isName("host", at: name):
            parts.hostCount += 1
            parts.isPlain = false
        case 13 where bytes.span.isName("if-none-match", at: name),
            14 where bytes.span.isName("content-length", at: name),
            16 where bytes.span.isName("content-encoding", at: name), 6 where bytes.span.isName("expect", at: name):
            parts.isPlain = false
        default: return
        }
    }

    // MARK: - The whole head

    var isHeadMethod: Bool { bytes.span.isEqual(parts.method, to: Self.head) }

    /// The document that this asks for, where it asks for one in the plainest way; see ``FastPathHandler``.
    func document(of plane: PublicPlane) -> PublishedAnswers? {
        guard isHeadMethod || bytes.span.isEqual(parts.method, to: Self.get) else { return nil }
        guard parts.isPlain, parts.authority != nil, !parts.isExtendedConnect, !isTooLarge else { return nil }
        return plane.document(at: parts.path, in: bytes.span)
    }

    /// The head as a value, or why it is refused.
    func decoded() -> (head: HTTPRequestHead, fault: RequestFault?) {
        let head = value
        return (head, fault ?? head.fault(within: limits))
    }

    private var fault: RequestFault? {
        if parts.path.count > limits.headerLine { return .targetTooLong }
        if isTooLarge { return .headersTooLarge }
        if parts.isExtendedConnect { return .malformedRequest }
        // RFC 9113 §8.3.1: a Host that differs makes the request malformed.
        return parts.authority.map { !agrees($0) } == true ? .malformedRequest : nil
    }

    private var isTooLarge: Bool {
        parts.headerBytes > limits.headers || parts.headerCount > limits.headerCount || parts.hasLongField
    }

    private func agrees(_ authority: Range<Int>) -> Bool {
        fields.allSatisfy { field in
            !bytes.span.isName("host", at: field.name) || bytes[field.value].elementsEqual(bytes[authority])
        }
    }

    private var value: HTTPRequestHead {
        var headers = HTTPHeaders()
        headers.reserveCapacity(fields.count + 1)
        for field in fields { headers.add(name: text(field.name), value: text(field.value)) }
        if let authority = parts.authority, parts.hostCount == 0 {
            headers.add(name: "host", value: text(authority))
        }
        return HTTPRequestHead(
            version: HTTPVersion(major: 2, minor: 0),
            method: HTTPMethod(rawValue: text(parts.method)),
            uri: text(parts.path),
            headers: headers
        )
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private static let keptRoom = 2048
    private static let get = Array("GET".utf8)
    private static let head = Array("HEAD".utf8)
}
