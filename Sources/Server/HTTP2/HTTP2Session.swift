import CNghttp2
import NIOCore
import NIOHTTP1

/// One connection's HTTP/2 (RFC 9113), without socket and clock.
///
/// Bytes go in and requests come out, answers go in and bytes come out. The protocol is nghttp2's, driven by memory:
/// nothing is read or written by the library. This class is what its callbacks find behind their pointer; it keeps the
/// streams, the limits and the patience.
///
/// Not to be used by two threads: it lives on its connection's event loop.
final class HTTP2Session {
    /// What came of the bytes received.
    enum Event {
        case request(Int32, HTTPRequestHead, [UInt8])
        case refused(Int32, RequestFault)
    }

    let limits: RequestLimits
    let isSecure: Bool
    /// Whose documents are answered without a word to the plane.
    let documents: PublicPlane?
    var streams: [Int32: HTTP2Stream] = [:]
    /// The stream whose header block is being read, and the block.
    var reading: (id: Int32, stream: HTTP2Stream)?
    var head: HTTP2RequestHead
    var patience: HTTP2Patience
    var events: [Event] = []
    /// When the bytes that are read now came.
    var now: NIODeadline
    /// When the last stream ended, or the connection began.
    var idleSince: NIODeadline
    var hasServed = false
    /// Bytes of bodies whose requests are not whole yet.
    var heldBodies = 0
    /// Bytes received that belong to no frame which the library told us of.
    var strayBytes = 0
    /// Streams that were answered before their request was whole: the peer is told to stop.
    var unread: [Int32] = []

    /// The library's session.
    let raw: OpaquePointer
    /// GOAWAY was given because of an error: nothing more is read.
    private(set) var hasFailed = false
    private var fields = HTTP2AnswerFields()

    /// A server's side of a connection that began at `now`; nil when there is no memory for it.
    ///
    /// The documents are answered in the same way without `documents`, by way of ``events``.
    init?(limits: RequestLimits, isSecure: Bool, documents: PublicPlane? = nil, at now: NIODeadline) {
        var session: OpaquePointer?
        guard let kind = HTTP2SessionKind.shared,
            nghttp2_session_server_new2(&session, kind.callbacks, nil, kind.options) == 0, let session
        else { return nil }
        raw = session
        self.limits = limits
        self.isSecure = isSecure
        self.documents = documents
        head = HTTP2RequestHead(limits: limits)
        self.now = now
        idleSince = now
        patience = HTTP2Patience(at: now)
        // The pointer is not retained: the library's session ends in deinit, and calls back only from our own calls.
        nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
        submitSettings()
    }

    deinit {
        nghttp2_session_del(raw)
    }

    private func submitSettings() {
        let settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: UInt32(HTTP2Limits.streams)
            ),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(limits.headers)
            ),
            // Our answers are small: no tree of priorities is kept, and PRIORITY frames change nothing (RFC 9218 §2.1).
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue),
                value: 1
            ),
        ]
        nghttp2_submit_settings(raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
    }

    // MARK: - In

    /// Reads bytes; what came of them is in ``events``.
    func receive(_ bytes: UnsafeRawBufferPointer, at now: NIODeadline) {
        guard !hasFailed else { return }
        self.now = now
        patience.refill(at: now)
        strayBytes += bytes.count
        let read = nghttp2_session_mem_recv(raw, bytes.baseAddress, bytes.count)
        chargeStrayBytes()
        if read < 0 || patience.isExhausted { fail(read < 0 ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM) }
    }

    /// Charges for frames that the library passes over without a word: unknown types, and data for a stream that is gone.
    ///
    /// Their bytes are what is left when the others are counted. A peer may have a window of them on the way to a stream
    /// that we refused.
    private func chargeStrayBytes() {
        guard strayBytes >= 1024 else { return }
        patience.spend(Double(strayBytes / 1024) * HTTP2Patience.frame)
        strayBytes %= 1024
    }

    func takeEvents() -> [Event] {
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    /// Ends the connection with an error; what was asked before is not answered any more.
    func fail(_ code: nghttp2_error_code) {
        guard !hasFailed else { return }
        hasFailed = true
        events = []
        streams = [:]
        reading = nil
        nghttp2_session_terminate_session(raw, code.rawValue)
    }

    // MARK: - Out

    /// The next bytes to send, valid until the next call; nil where there are none now.
    func output() -> UnsafeRawBufferPointer? {
        var bytes: UnsafePointer<UInt8>?
        let count = nghttp2_session_mem_send(raw, &bytes)
        guard count > 0, let bytes else { return nil }
        return UnsafeRawBufferPointer(start: bytes, count: count)
    }

    /// Whether the connection has nothing more to say or to hear.
    var hasEnded: Bool {
        nghttp2_session_want_read(raw) == 0 && nghttp2_session_want_write(raw) == 0
    }

    /// Answers a stream, if it is still there.
    func answer(_ id: Int32, _ response: PlaneResponse) {
        guard let stream = streams[id], !stream.isAnswered else { return }
        answer(stream, id, HTTP2AnswerHead(response), response.body)
    }

    func answer(_ stream: HTTP2Stream, _ id: Int32, _ head: HTTP2AnswerHead, _ content: ByteBuffer) {
        stream.isAnswered = true
        if !stream.asksForHeadOnly { stream.answer = content }
        let hasBody = stream.answer.readableBytes > 0
        var body = nghttp2_data_provider()
        body.read_callback = HTTP2SessionKind.readAnswer
        fields.withFields(of: head, length: content.readableBytes, isSecure: isSecure) { fields in
            withUnsafePointer(to: body) { body in
                _ = nghttp2_submit_response(raw, id, fields.baseAddress, fields.count, hasBody ? body : nil)
            }
        }
    }

    /// Tells the peer to go on with a body it asked about (RFC 9110 §10.1.1).
    func goOn(_ id: Int32) {
        fields.withStatus("100") { fields in
            _ = nghttp2_submit_headers(
                raw,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                id,
                nil,
                fields.baseAddress,
                fields.count,
                nil
            )
        }
    }

    func reset(_ id: Int32, _ code: nghttp2_error_code) {
        nghttp2_submit_rst_stream(raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, code.rawValue)
    }

    /// Takes no further streams and finishes those that are there (RFC 9113 §6.8).
    func goAway() {
        nghttp2_submit_goaway(
            raw,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(raw),
            NGHTTP2_NO_ERROR.rawValue,
            nil,
            0
        )
    }

    /// Resets the streams whose answers are complete while their request is not (RFC 9113 §8.1); false without any.
    func stopUnread() -> Bool {
        if unread.isEmpty { return false }
        for id in unread { reset(id, NGHTTP2_NO_ERROR) }
        unread.removeAll(keepingCapacity: true)
        return true
    }

    // MARK: - Time

    /// Refuses or resets the streams whose phase has lasted too long; ``events`` has the refusals.
    func expire(at now: NIODeadline) {
        for (id, stream) in streams where stream.deadline < now {
            switch stream.phase {
            // The header block of another stream can't follow before this one's end: the connection is lost.
            case .head: return fail(NGHTTP2_ENHANCE_YOUR_CALM)
            case .body: refuse(id, .tooSlow)
            case .answer: reset(id, NGHTTP2_CANCEL)
            }
        }
    }

    /// The request of this stream is not read to its end.
    func refuse(_ id: Int32, _ fault: RequestFault) {
        guard let stream = streams[id], stream.phase != .answer else { return }
        endReading(stream)
        events.append(.refused(id, fault))
    }

    /// The request is read; gives its body.
    @discardableResult
    func endReading(_ stream: HTTP2Stream) -> [UInt8] {
        stream.phase = .answer
        stream.deadline = now + limits.answerDeadline
        heldBodies -= stream.body.count
        return stream.takeBody()
    }
}
