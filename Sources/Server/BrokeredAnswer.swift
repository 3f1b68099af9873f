import Issuer
import JOSE
import NIOCore
import NIOHTTP1

/// What the issuer answered to a brokered request: its status and body, and none of its headers.
package struct BrokeredAnswer: Hashable, Sendable {
    package let status: UInt
    package let body: [UInt8]

    package init(status: UInt, body: [UInt8]) {
        self.status = status
        self.body = body
    }

    /// The job of the answer to a registration.
    var jobID: JobID? {
        // Sixteen tokens of 4 KiB each, twice.
        let limits = JSONReader.Limits(maximumBytes: 1_048_576)
        guard case .object(let object)? = try? JSONReader.read(body, limits: limits),
            case .string(let text)? = object["id"]
        else {
            return nil
        }
        return JobID(text.bytes)
    }

    var response: PlaneResponse {
        var response = PlaneResponse(status: HTTPResponseStatus(statusCode: Int(status)))
        response.headers = ["Cache-Control": "no-store", "Pragma": "no-cache"]
        if !body.isEmpty {
            response.headers.add(name: "Content-Type", value: "application/json")
            response.body = ByteBuffer(bytes: body)
        }
        return response
    }
}
