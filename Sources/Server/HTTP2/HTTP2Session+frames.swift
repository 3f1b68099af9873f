import CNghttp2
import NIOCore
import NIOHTTP1

/// What nghttp2 tells of the frames that come and go. Each is called from within `receive` or `output`.
extension HTTP2Session {
    /// A frame's header was read; its payload comes.
    func began(_ type: UInt32, _ id: Int32, _ length: Int, endsStream: Bool) {
        strayBytes -= 9 + length
        switch type {
        case NGHTTP2_HEADERS.rawValue: return
        // A body that comes in crumbs costs a frame for each.
        case NGHTTP2_DATA.rawValue: if !endsStream && length < 256 { patience.spend(HTTP2Patience.frame) }
        case NGHTTP2_RST_STREAM.rawValue:
            patience.spend(streams[id] == nil ? HTTP2Patience.frame : HTTP2Patience.reset)
        default: patience.spend(HTTP2Patience.frame)
        }
        if patience.isExhausted { fail(NGHTTP2_ENHANCE_YOUR_CALM) }
    }

    /// A stream was reset by us, because of what came on it or because it took too long.
    func sentReset(_ code: UInt32) {
        if code != NGHTTP2_NO_ERROR.rawValue { patience.spend(HTTP2Patience.reset) }
    }

    func beganHeaders(_ id: Int32) {
        // Trailers come on a stream that is there.
        guard !hasFailed, streams[id] == nil else { return }
        let stream = HTTP2Stream(deadline: now + limits.headDeadline)
        streams[id] = stream
        reading = (id, stream)
        head.begin()
    }

    func header(_ id: Int32, _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        guard let stream = reading?.id == id ? reading?.stream : streams[id] else { return }
        stream.headerListSize += name.count + value.count + 32
        if stream.phase == .head { head.add(name, value) }
        if stream.headerListSize > HTTP2Limits.headerList { fail(NGHTTP2_ENHANCE_YOUR_CALM) }
    }

    /// A whole HEADERS or DATA frame came.
    func received(_ id: Int32, endsStream: Bool) {
        guard let stream = streams[id] else { return }
        if stream.phase == .head { endHead(stream, id, endsStream) }
        guard endsStream, stream.phase == .body, let head = stream.head else { return }
        events.append(.request(id, head, endReading(stream)))
    }

    private func endHead(_ stream: HTTP2Stream, _ id: Int32, _ endsStream: Bool) {
        reading = nil
        stream.asksForHeadOnly = head.isHeadMethod
        if endsStream, let documents, let document = head.document(of: documents) {
            endReading(stream)
            return answer(stream, id, document.http2Head, document.full.body)
        }
        let (value, fault) = head.decoded()
        stream.head = value
        stream.phase = .body
        stream.deadline = now + limits.bodyDeadline
        if let fault { return refuse(id, fault) }
        if !endsStream, value.expectsContinue { goOn(id) }
    }

    func data(_ id: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        guard let stream = streams[id], stream.phase == .body else { return }
        guard heldBodies + bytes.count <= HTTP2Limits.bodies else { return refuse(id, .overloaded) }
        guard stream.append(bytes, limits) else { return refuse(id, .bodyTooLarge) }
        heldBodies += bytes.count
    }

    func closed(_ id: Int32) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        if reading?.id == id { reading = nil }
        heldBodies -= stream.body.count
        if stream.isSent { patience.earn(HTTP2Patience.answered) }
        hasServed = true
        idleSince = now
    }

    /// The whole answer of a stream went out.
    func sentAnswer(_ id: Int32) {
        streams[id]?.isSent = true
        if nghttp2_session_get_stream_remote_close(raw, id) == 0 { unread.append(id) }
    }

    /// Copies the next piece of an answer's body; its length, and whether it was the last.
    func readAnswer(_ id: Int32, into room: UnsafeMutableRawBufferPointer) -> (count: Int, isLast: Bool)? {
        guard let stream = streams[id] else { return nil }
        let count = min(stream.answer.readableBytes, room.count)
        stream.answer.readWithUnsafeReadableBytes { bytes in
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
            return count
        }
        return (count, stream.answer.readableBytes == 0)
    }
}
