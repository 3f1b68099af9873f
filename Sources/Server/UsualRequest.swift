import NIOCore

/// One whole request in the shape that nearly all have, found in the bytes of one read: where its parts stand.
///
/// Stricter than HTTP/1.1 in everything that parsers have ever read differently: one spelling of each thing, lines that
/// end in CR LF, one space where there may be several, nothing before the request and nothing behind it. What is not
/// like that is not refused: it is for the decoder to judge.
struct UsualRequest {
    enum Method {
        case get
        case head
        case other
    }

    let method: Method
    let path: Range<Int>
    /// What follows the first `?`, undecoded; nil without one.
    let query: Range<Int>?
    /// The value of the one `Authorization` header.
    private(set) var authorization: Range<Int>?
    private(set) var contentLength: Int?
    /// Whether nothing else in the head has a say in the answer: the conditional headers, an encoding.
    private(set) var isPlain = true
    /// Whether another request may follow on the connection.
    private(set) var keepsAlive = true

    private var hosts = 0
    private var headers = 0

    /// Larger requests are for the decoder, and those of more header lines: both are below ``RequestLimits``.
    static let maximumLength = 4096
    static let maximumHeaders = 32

    /// Nil where `bytes` are anything but exactly one request in this shape, with its body.
    init?(_ bytes: Span<UInt8>) {
        guard bytes.count <= Self.maximumLength, let (method, target) = Self.method(bytes) else { return nil }
        guard let end = Self.endOfTarget(bytes, from: target) else { return nil }
        var mark = target
        while mark < end, bytes[mark] != UInt8(ascii: "?") { mark += 1 }
        self.method = method
        path = target..<mark
        query = mark < end ? (mark + 1)..<end : nil
        var line = end + Self.version.count
        while let next = readHeader(bytes, from: line) { line = next }
        guard hosts == 1, headers <= Self.maximumHeaders, bytes.hasBytes(Self.lineEnd, at: line),
            line + 2 + (contentLength ?? 0) == bytes.count
        else { return nil }
    }

    // MARK: - The request line

    private static func method(_ bytes: Span<UInt8>) -> (Method, target: Int)? {
        if bytes.hasBytes(get, at: 0) { return (.get, get.count - 1) }
        if bytes.hasBytes(head, at: 0) { return (.head, head.count - 1) }
        for method in others where bytes.hasBytes(method, at: 0) { return (.other, method.count - 1) }
        return nil
    }

    /// Where the target ends, if it is of printable ASCII and HTTP/1.1 follows.
    private static func endOfTarget(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index < bytes.count, (0x21...0x7E).contains(bytes[index]), bytes[index] != UInt8(ascii: "#") {
            index += 1
        }
        return bytes.hasBytes(version, at: index) ? index : nil
    }

    // MARK: - The headers

    /// Reads one header line; nil, with everything as it was or the request spoiled, where there is none.
    private mutating func readHeader(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        var colon = start
        while colon < bytes.count, Self.isTokenByte(bytes[colon]) { colon += 1 }
        let value = colon + 2
        guard colon > start, value < bytes.count, bytes[colon] == UInt8(ascii: ":"), bytes[colon + 1] == 0x20,
            (0x21...0x7E).contains(bytes[value])
        else { return nil }
        var end = value
        while end < bytes.count, (0x20...0x7E).contains(bytes[end]) { end += 1 }
        guard bytes.hasBytes(Self.lineEnd, at: end), bytes[end - 1] != 0x20,
            take(bytes, name: start..<colon, value: value..<end)
        else { return nil }
        return end + 2
    }

    /// Notes what a header says; false for one that only the decoder may weigh.
    private mutating func take(_ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>) -> Bool {
        headers += 1
        switch name.count {
        case 4 where bytes.isName("host", at: name):
            hosts += 1
        case 13 where bytes.isName("authorization", at: name):
            guard authorization == nil else { return false }
            authorization = value
        case 14 where bytes.isName("content-length", at: name):
            guard contentLength == nil, let length = Self.length(bytes, value) else { return false }
            contentLength = length
        case 10 where bytes.isName("connection", at: name):
            guard keepsAlive else { return false }
            keepsAlive = bytes.isName("keep-alive", at: value)
        case 13 where bytes.isName("if-none-match", at: name), 16 where bytes.isName("content-encoding", at: name):
            isPlain = false
        case 17 where bytes.isName("transfer-encoding", at: name), 7 where bytes.isName("upgrade", at: name),
            7 where bytes.isName("trailer", at: name), 6 where bytes.isName("expect", at: name),
            2 where bytes.isName("te", at: name), 16 where bytes.isName("proxy-connection", at: name):
            return false
        default: break
        }
        return true
    }

    /// One to four digits: more would not fit.
    private static func length(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Int? {
        guard value.count <= 4 else { return nil }
        var length = 0
        for index in value {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) else { return nil }
            length = length * 10 + Int(bytes[index] - UInt8(ascii: "0"))
        }
        return length
    }

    /// The letters, digits and the hyphen of usual header names.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    // Each method with the space and the slash that the target begins with.
    private static let get = Array("GET /".utf8)
    private static let head = Array("HEAD /".utf8)
    private static let others = ["POST /", "DELETE /", "PATCH /"].map { Array($0.utf8) }
    private static let version = Array(" HTTP/1.1\r\n".utf8)
    private static let lineEnd = Array("\r\n".utf8)
}
