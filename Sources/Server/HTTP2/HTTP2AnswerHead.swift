import NIOCore
import NIOHTTP1

/// What an answer's head says whatever its body and its moment: status and headers as HTTP/2 has them, in bytes.
///
/// The fields are those of HTTP/1.1 in lower case (RFC 9113 §8.2), without those that speak of a connection. Made once
/// for what is answered often.
struct HTTP2AnswerHead: Sendable {
    struct Field: Sendable {
        let name: Range<Int>
        let value: Range<Int>
    }

    private(set) var bytes: [UInt8] = []
    private(set) var fields: [Field] = []
    let hasLength: Bool

    /// Of any answer with the status and the headers of `response`.
    init(_ response: PlaneResponse) {
        hasLength = response.status != .noContent && response.status != .notModified
        add(":status", String(response.status.code))
        for (name, value) in response.headers {
            let name = name.lowercased()
            if !Self.ofConnection.contains(name) { add(name, value) }
        }
        add("x-content-type-options", "nosniff")
    }

    private static let ofConnection: Set = [
        "connection", "keep-alive", "transfer-encoding", "upgrade", "content-length",
    ]

    private mutating func add(_ name: String, _ value: String) {
        let start = bytes.count
        bytes.append(contentsOf: name.utf8)
        let middle = bytes.count
        bytes.append(contentsOf: value.utf8)
        fields.append(Field(name: start..<middle, value: middle..<bytes.count))
    }
}
