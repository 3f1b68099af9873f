import CNghttp2

/// Writes the header fields of answers as nghttp2 takes them, in room that is kept from answer to answer.
struct HTTP2AnswerFields {
    private var bytes: [UInt8] = []
    private var fields: [HTTP2AnswerHead.Field] = []

    /// Calls `use` with the fields of an answer whose body has `length` bytes; they are valid for that call.
    mutating func withFields(
        of head: HTTP2AnswerHead,
        length: Int,
        isSecure: Bool,
        _ use: (UnsafeBufferPointer<nghttp2_nv>) -> Void
    ) {
        clear()
        bytes.append(contentsOf: head.bytes)
        fields.append(contentsOf: head.fields)
        if head.hasLength { add("content-length", String(length)) }
        add("date", HTTPDate.now)
        if isSecure { add("strict-transport-security", "max-age=31536000") }
        give(use)
    }

    /// Calls `use` with a status and nothing else.
    mutating func withStatus(_ status: String, _ use: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        clear()
        add(":status", status)
        give(use)
    }

    private mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
    }

    private mutating func add(_ name: StaticString, _ value: String) {
        let start = bytes.count
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        let middle = bytes.count
        bytes.append(contentsOf: value.utf8)
        fields.append(HTTP2AnswerHead.Field(name: start..<middle, value: middle..<bytes.count))
    }

    // The library copies names and values while it takes the answer: the pointers need not outlive the call.
    private mutating func give(_ use: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        let fields = fields
        bytes.withUnsafeMutableBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { room in
                for index in fields.indices {
                    let field = fields[index]
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
