package import Issuer
import JOSE
import NIOHTTP1

/// The one table from what went wrong to what the caller sees.
///
/// Each row: the status, OAuth's code (RFC 6749 §5.2, RFC 6750 §3.1, RFC 8693 §2.2.2) and a sentence that says how to
/// mend it.
package enum ErrorResponse {
    struct Row: Sendable {
        let status: HTTPResponseStatus
        let code: String
        let sentence: String
        /// Seconds after which another try is worth it, where the status says that one is.
        let retryAfter: Int

        init(_ status: HTTPResponseStatus, _ code: String, _ sentence: String, retryAfter: Int = 1) {
            self.retryAfter = retryAfter
            self.status = status
            self.code = code
            self.sentence = sentence
        }
    }

    /// Where the answer goes: the token exchange of RFC 8693 has statuses of its own.
    enum Route: Sendable {
        case jobs
        case idToken
        case tokenExchange
    }

    /// The sentence that says how to mend what was refused for this reason.
    package static func sentence(for reason: RefusalReason) -> String {
        row(reason).sentence
    }

    static func response(to error: IssuanceError, at route: Route) -> PlaneResponse {
        switch error {
        case .refused(let refusal): return response(to: refusal, at: route)
        case .unauthenticated: return unauthenticated(at: route)
        case .store(.unavailable): return response(to: .storeUnavailable)
        case .store(.overloaded):
            // Clients of the id-token URL retry 503, not 429.
            return route == .jobs ? response(to: .tooManyRequests) : response(to: .overloaded)
        case .noSigningKey: return response(to: .noSigningKey)
        }
    }

    static func response(to refusal: Refusal, at route: Route) -> PlaneResponse {
        var row = row(refusal.reason)
        if refusal.reason == .rateLimited {
            // Clients of the id-token URL retry 503, not 429.
            if route == .idToken { row = Row(.serviceUnavailable, row.code, row.sentence) }
            return response(row, reason: refusal.reason.rawValue)
        }
        // RFC 8693 §2.2.2: a refusal of a token exchange is a 400. That audiences were configured apart is no fault of
        // the request.
        if route == .tokenExchange && row.status != .serviceUnavailable && refusal.reason != .audienceProfilesDisagree {
            row = Row(.badRequest, row.code == "access_denied" ? "invalid_request" : row.code, row.sentence)
        }
        return response(row, reason: refusal.reason.rawValue, about: refusal.about)
    }

    /// One body for every reason: who guesses learns nothing.
    static func unauthenticated(at route: Route) -> PlaneResponse {
        if route == .tokenExchange {
            return response(
                Row(.badRequest, "invalid_request", "the subject_token is not the request token of a running job"),
                reason: RefusalReason.credentialInvalid.rawValue
            )
        }
        var answer = response(
            Row(
                .unauthorized,
                "invalid_token",
                "the credential is not known or no longer valid; the job may have ended"
            ),
            reason: RefusalReason.credentialInvalid.rawValue
        )
        answer.headers.add(name: "WWW-Authenticate", value: "Bearer error=\"invalid_token\"")
        return answer
    }

    static func methodNotAllowed(allowed: String) -> PlaneResponse {
        var answer = response(to: .methodNotAllowed)
        answer.headers.add(name: "Allow", value: allowed)
        return answer
    }

    static func response(to fault: RequestFault) -> PlaneResponse {
        response(row(fault), reason: fault.rawValue)
    }

    private static func response(_ row: Row, reason: String, about: ByteString = "") -> PlaneResponse {
        let sentence = ByteString(row.sentence) + (about.isEmpty ? "" : ": " + printable(about))
        var answer = PlaneResponse.json(
            JSONObject([
                ("error", .string(ByteString(row.code))),
                ("reason", .string(ByteString(reason))),
                ("error_description", .string(sentence)),
                ("message", .string(sentence)),
            ]),
            status: row.status
        )
        // What passes by itself is worth another try (RFC 9110 §10.2.3).
        if [.tooManyRequests, .serviceUnavailable].contains(row.status) {
            answer.headers.add(name: "Retry-After", value: String(row.retryAfter))
        }
        return answer
    }

    /// RFC 6749 §5.2 allows no quote, no backslash and nothing beyond ASCII in a description.
    private static func printable(_ text: ByteString) -> ByteString {
        ByteString(
            text.bytes.prefix(80).map { byte in
                (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                    ? byte : UInt8(ascii: "?")
            }
        )
    }
}
