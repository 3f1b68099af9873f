import Foundation
import JOSE

/// A registered job from its registration to its end: what it was given, its heartbeats, its end.
struct WrappedJob: Sendable {
    private let connection: RunnerConnection
    private let path: String
    /// The issuer's answer to the registration.
    let answer: JSONObject
    /// Seconds within which a heartbeat must come.
    let lease: Int64

    static let standardLease: Int64 = 60

    static func start(_ registration: JSONObject, by connection: RunnerConnection) async throws -> WrappedJob {
        var body = registration
        let lease = body["lease"]?.integerValue ?? standardLease
        body["lease"] = .integer(lease)
        let bytes = try await connection.send("POST", "/v1/jobs", body: body.serialized, expecting: [200, 201])
        guard case .object(let answer)? = try? JSONReader.read(bytes, limits: HTTPFetcher.limits),
            let id = answer["id"]?.stringValue, id.bytes.allSatisfy(Self.isIDByte)
        else { throw CommandFailure.failed("the issuer gave no answer that can be read") }
        return WrappedJob(connection: connection, path: "/v1/jobs/\(id)", answer: answer, lease: lease)
    }

    /// Keeps the lease until it is cancelled, in thirds, so that two beats may be lost; says once when it fails.
    func beat() async {
        var isComplaining = false
        while !Task.isCancelled {
            try? await Task.sleep(for: max(.seconds(lease) / (isComplaining ? 10 : 3), .milliseconds(100)))
            guard !Task.isCancelled else { return }
            do {
                _ = try await connection.send("POST", path + "/heartbeat", expecting: [200, 204])
                isComplaining = false
            } catch {
                if !isComplaining, !Task.isCancelled { Self.complain("the job's lease is not renewed", error) }
                isComplaining = true
            }
        }
    }

    /// Ends the job; an issuer that is restarting is asked again for about six seconds, then the lease ends it.
    func end() async {
        for attempt in 0..<5 {
            do {
                _ = try await connection.send("DELETE", path, expecting: [204])
                return
            } catch  where attempt == 4 {
                Self.complain("the job could not be ended; it ends with its lease of \(lease) s", error)
            } catch {
                try? await Task.sleep(for: .milliseconds(200 << attempt))
            }
        }
    }

    private static func complain(_ what: String, _ error: any Error) {
        StandardStreams.complain("\(what): \((error as? CommandFailure)?.message ?? "the request failed")")
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
