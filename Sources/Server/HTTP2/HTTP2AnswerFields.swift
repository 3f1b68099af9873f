import CNghttp2
import NIOCore
import NIOHTTP1

/// Writes the header fields of answers as nghttp2 takes them, in room that is kept from answer to answer.
///
/// The fields are those of HTTP/1.1 in lower case (RFC 9113 §8.2), without those that speak of a connection.
struct HTTP2AnswerFields {
    private struct Field {
        let name: Range<Int>
        let value: Range<Int>
    }

    private var bytes: [UInt8] = []
    private var fields: [Field] = []

    /// Calls `use` with the fields of an answer; they are valid for that call.
    mutating func withFields(
        of response: PlaneResponse,
        isSecure: Bool,
        _ use: (UnsafeBufferPointer<nghttp2_nv>) -> Void
    ) {
        clear()
        add(":status", String(response.status.code))
        for (name, value) in response.headers where !Self.isOfConnection(name) { add(name, value) }
        if response.status != .noContent && response.status != .notModified {
            add("content-length", String(response.body.readableBytes))
        }
        add("date", HTTPDate.now)
        add("x-content-type-options", "nosniff")
        if isSecure { add("strict-transport-security", "max-age=31536000") }
        give(use)
    }

    /// Calls `use` with a status and nothing else.
    mutating func withStatus(_ status: String, _ use: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        clear()
        add(":status", status)
        give(use)
    }

    private static func isOfConnection(_ name: String) -> Bool {
        ["connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"].contains(name.lowercased())
    }

    private mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
    }

    private mutating func add(_ name: String, _ value: String) {
        let start = bytes.count
        bytes.append(contentsOf: name.utf8.lazy.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
        let middle = bytes.count
        bytes.append(contentsOf: value.utf8)
        fields.append(Field(name: start..<middle, value: middle..<bytes.count))
    }

    // The library copies names and values while it takes the answer: the pointers need not outlive the call.
    private mutating func give(_ use: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        let fields = fields
        bytes.withUnsafeMutableBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { room in
                for (index, field) in fields.enumerated() {
                    let entry = nghttp2_nv(
                        name: base + field.name.lowerBound,
                        value: base + field.value.lowerBound,
                        namelen: field.name.count,
                        valuelen: field.value.count,
                        flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)
                    )
                    room.initializeElement(at: index, to: entry)
                }
                use(UnsafeBufferPointer(room))
            }
        }
    }
}
