import CNghttp2

/// The callbacks and options that all sessions have: made once, never changed, never freed.
struct HTTP2SessionKind {
    let callbacks: OpaquePointer
    let options: OpaquePointer

    // Both pointers are read only from here on, which nghttp2 allows from any thread: it copies what it needs of them.
    nonisolated(unsafe) static let shared = HTTP2SessionKind()

    private init?() {
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0, let callbacks, nghttp2_option_new(&options) == 0,
            let options
        else { return nil }
        self.callbacks = callbacks
        self.options = options
        Self.set(callbacks)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_continuations(options, HTTP2Limits.continuations)
    }

    private static func set(_ callbacks: OpaquePointer) {
        setFrames(callbacks)
        setHeaders(callbacks)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, bytes, count, user in
            HTTP2SessionKind.session(user)?.data(id, UnsafeBufferPointer(start: bytes, count: count))
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, _, user in
            HTTP2SessionKind.session(user)?.closed(id)
            return 0
        }
    }

    private static func setFrames(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, user in
            guard let header = header?.pointee else { return 0 }
            HTTP2SessionKind.session(user)?
                .began(
                    UInt32(header.type),
                    header.stream_id,
                    header.length,
                    endsStream: HTTP2SessionKind.endsStream(header)
                )
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            guard let header = frame?.pointee.hd,
                header.type == NGHTTP2_HEADERS.rawValue || header.type == NGHTTP2_DATA.rawValue
            else { return 0 }
            HTTP2SessionKind.session(user)?.received(header.stream_id, endsStream: HTTP2SessionKind.endsStream(header))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
            guard let frame, let session = HTTP2SessionKind.session(user) else { return 0 }
            let header = frame.pointee.hd
            if HTTP2SessionKind.endsStream(header) { session.sentAnswer(header.stream_id) }
            if header.type == NGHTTP2_RST_STREAM.rawValue { session.sentReset(frame.pointee.rst_stream.error_code) }
            return 0
        }
    }

    private static func setHeaders(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            guard let id = frame?.pointee.hd.stream_id else { return 0 }
            HTTP2SessionKind.session(user)?.beganHeaders(id)
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _,
            frame,
            name,
            nameCount,
            value,
            count,
            _,
            user in
            guard let id = frame?.pointee.hd.stream_id else { return 0 }
            HTTP2SessionKind.session(user)?
                .header(
                    id,
                    UnsafeBufferPointer(start: name, count: nameCount),
                    UnsafeBufferPointer(start: value, count: count)
                )
            return 0
        }
        // Without this the library drops such a field and goes on: what is malformed is refused (RFC 9113 §8.2.1).
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) { _, _, _, _, _, _, _, _ in
            NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
    }

    /// The source of every answer's body.
    static let readAnswer: nghttp2_data_source_read_callback = { _, id, room, count, flags, _, user in
        guard let session = HTTP2SessionKind.session(user),
            let piece = session.readAnswer(id, into: UnsafeMutableRawBufferPointer(start: room, count: count))
        else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
        if piece.isLast { flags?.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
        return piece.count
    }

    // Our own class is behind the pointer of each callback (`HTTP2Session.init`), and alive: it makes the call.
    private static func session(_ user: UnsafeMutableRawPointer?) -> HTTP2Session? {
        user.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
    }

    /// HEADERS and DATA alone have this flag; in others the bit means something else.
    private static func endsStream(_ header: nghttp2_frame_hd) -> Bool {
        (header.type == NGHTTP2_HEADERS.rawValue || header.type == NGHTTP2_DATA.rawValue)
            && UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
    }
}
