import Issuer
import JOSE
import Keys
import NIOCore
import NIOHTTP1
import Policy

/// GitHub's shape of a token request, decided from its bytes; see ``FastPathHandler``.
extension RunnerPlane {
    /// Nil for another request, and for one that the long way has more to say of.
    ///
    /// Where there is no room for another token, that is said before anything is looked up: who is refused must cost little.
    func tokenAtOnce(_ request: UsualRequest, in bytes: Span<UInt8>, hasRoom: Bool) -> TokenAtOnce? {
        guard request.method == .get, request.isPlain, request.contentLength == nil,
            let query = request.query, let id = jobID(bytes, request.path),
            let audience = Self.audience(bytes, query),
            let presented = request.authorization.flatMap({ Self.bearerToken(bytes, $0) })
        else { return nil }
        guard hasRoom else { return .refused(overloadedAtOnce()) }
        let reading = ClockReading.now
        guard hold(reading) == nil, let job = authentication.heldJob(presenting: presented, at: reading.wall),
            job.id == id
        else { return nil }
        guard rates.admits(job.id, at: reading.sinceBoot) else { return .refused(tooOftenAtOnce(job, reading.wall)) }
        var generator = random.generator
        guard let prepared = issuer.prepareAtOnce(audience, for: job, at: reading.wall, using: &generator) else {
            // The long way counts it.
            rates.takeBack(job.id)
            return nil
        }
        return .prepared(prepared, of: job, at: reading.wall)
    }

    static let gitHubTokenHead = AnswerHead(PlaneResponse.json(JSONObject()))

    /// The body of GitHub's shape, as ``gitHubToken(of:_:)`` has it.
    static func writeGitHubToken(_ compact: ByteString, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"count\":")
        buffer.writeString(String(compact.count))
        buffer.writeStaticString(",\"value\":\"")
        buffer.writeBytes(compact.bytes)
        buffer.writeStaticString("\"}")
    }

    static func lengthOfGitHubToken(_ compact: ByteString) -> Int {
        21 + String(compact.count).utf8.count + compact.count
    }

    /// The answer to a failure that was met at once, counted as the long way counts it.
    func answerAtOnce(to error: IssuanceError) -> PlaneResponse {
        note(error)
        let answer = ErrorResponse.response(to: error, at: .idToken)
        metrics.countAnswer(status: answer.status.code)
        return answer
    }

    private static let overloaded = WholeAnswer(ErrorResponse.response(to: .overloaded))
    private static let tooOften = WholeAnswer(ErrorResponse.response(to: Refusal(.rateLimited), at: .idToken))

    /// The answer where more waits than can be done in time.
    func overloadedAtOnce() -> WholeAnswer {
        metrics.countAnswer(status: Self.overloaded.response.status.code)
        return Self.overloaded
    }

    func countToken(_ token: ReleasedToken) {
        metrics.countToken(token.prepared.algorithm)
        metrics.countAnswer(status: 200)
    }

    private func tooOftenAtOnce(_ job: Job, _ now: NumericDate) -> WholeAnswer {
        // Nobody waits for the record of a refusal: it releases nothing.
        if rates.isRecorded(job.id) {
            Task { [issuer] in await issuer.record(Refusal(.rateLimited), for: job, at: now) }
        }
        metrics.countRefusal(.rateLimited)
        metrics.countAnswer(status: Self.tooOften.response.status.code)
        return Self.tooOften
    }

    private func jobID(_ bytes: Span<UInt8>, _ path: Range<Int>) -> JobID? {
        let prefix = idTokenPrefix
        let suffix = Self.idTokenSuffix
        guard path.count == prefix.count + 32 + suffix.count, bytes.hasBytes(prefix, at: path.lowerBound),
            bytes.hasBytes(suffix, at: path.upperBound - suffix.count)
        else { return nil }
        let start = path.lowerBound + prefix.count
        return JobID(digits: bytes.extracting(start..<(start + 32)))
    }

    private static let idTokenSuffix = Array("/id-token".utf8)

    /// The request token behind `Bearer `.
    private static func bearerToken(_ bytes: Span<UInt8>, _ value: Range<Int>) -> ByteString? {
        let token = value.lowerBound + 7
        guard value.count > 7, bytes.isName("bearer ", at: value.lowerBound..<token), bytes[token] != 0x20 else {
            return nil
        }
        return ByteString(bytes.bytes(token..<value.upperBound))
    }

    /// The one audience, if the query is of `api-version` and `audience` alone, in plain spelling.
    private static func audience(_ bytes: Span<UInt8>, _ query: Range<Int>) -> ByteString? {
        var audience: Range<Int>?
        var start = query.lowerBound
        while start < query.upperBound {
            var end = start
            while end < query.upperBound, bytes[end] != UInt8(ascii: "&") { end += 1 }
            if bytes.hasBytes(audienceName, at: start), audience == nil {
                audience = (start + audienceName.count)..<end
            } else if !bytes.isEqual(start..<end, to: version) {
                return nil
            }
            start = end + 1
        }
        guard let audience, audience.lowerBound < audience.upperBound else { return nil }
        let value = bytes.bytes(audience)
        if value.allSatisfy(isPlain) { return ByteString(value) }
        return PercentEncoding.decodedForm(value[...])
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte != UInt8(ascii: "%") && byte != UInt8(ascii: "+")
    }

    private static let audienceName = Array("audience=".utf8)
    private static let version = Array("api-version=1".utf8)
}
