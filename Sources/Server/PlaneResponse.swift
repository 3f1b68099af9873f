package import JOSE
package import NIOCore
package import NIOHTTP1

/// One whole answer.
package struct PlaneResponse: Sendable {
    package var status: HTTPResponseStatus
    package var headers: HTTPHeaders
    package var body: ByteBuffer

    package init(status: HTTPResponseStatus, headers: HTTPHeaders = HTTPHeaders(), body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A JSON answer that nobody may keep (RFC 6749 §5.1).
    package static func json(_ object: JSONObject, status: HTTPResponseStatus = .ok) -> PlaneResponse {
        PlaneResponse(
            status: status,
            headers: ["Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"],
            body: ByteBuffer(bytes: object.serialized)
        )
    }

    package static var noContent: PlaneResponse {
        PlaneResponse(status: .noContent, headers: ["Cache-Control": "no-store"])
    }
}
