import Foundation
import JOSE

/// A registered job from its registration to its end: what it was given, its heartbeats, its end.
struct WrappedJob: Sendable {
    private let connection: RunnerConnection
    private let path: String
    private let registration: [UInt8]
    /// The issuer's answer to the registration.
    let answer: JSONObject
    /// Seconds within which a heartbeat must come.
    let lease: Int64

    static let standardLease: Int64 = 60

    static func start(_ registration: JSONObject, by connection: RunnerConnection) async throws -> WrappedJob {
        var body = registration
        let lease = body["lease"]?.integerValue ?? standardLease
        body["lease"] = .integer(lease)
        // Named tokens of a job that waits come with the same registration again: that takes a reference.
        if body["reference"] == nil { body["reference"] = .string(ByteString("job-exec/\(UUID().uuidString)")) }
        let registration = body.serialized
        let bytes = try await connection.send("POST", "/v1/jobs", body: registration, expecting: [200, 201])
        let (id, answer) = try read(bytes)
        return WrappedJob(
            connection: connection,
            path: "/v1/jobs/\(id)",
            registration: registration,
            answer: answer,
            lease: lease
        )
    }

    /// The job when it waits for nothing any more, with its named tokens.
    ///
    /// An issuer that is away, or busy, is asked again: what it says of a job that has ended ends the waiting.
    func whenApproved() async throws -> WrappedJob {
        var pause = Duration.seconds(1)
        var job = self
        while job.answer.isWaiting {
            try await Task.sleep(for: pause)
            pause = min(pause * 1.5, .seconds(15))
            if let next = try await job.askedAgain() { job = next }
        }
        return job
    }

    /// Nil where the issuer could not say.
    private func askedAgain() async throws -> WrappedJob? {
        guard let next = try? await connection.exchange("POST", "/v1/jobs", body: registration) else {
            try Task.checkCancellation()
            return nil
        }
        if [429, 502, 503, 504].contains(next.status) { return nil }
        guard next.status < 300 else { throw IssuerAnswer.failure(next) }
        let (id, answer) = try Self.read(next.body)
        guard path.hasSuffix("/\(id)") else {
            throw CommandFailure.failed("the issuer answers for another job; was its store replaced?")
        }
        return WrappedJob(connection: connection, path: path, registration: registration, answer: answer, lease: lease)
    }

    private static func read(_ bytes: [UInt8]) throws -> (id: ByteString, answer: JSONObject) {
        guard case .object(let answer)? = try? JSONReader.read(bytes, limits: HTTPFetcher.limits),
            let id = answer["id"]?.stringValue, id.bytes.allSatisfy(isIDByte)
        else { throw CommandFailure.failed("the issuer gave no answer that can be read") }
        return (id, answer)
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
