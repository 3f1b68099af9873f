/// Why a request was not answered, whatever it asks for.
package enum RequestFault: String, Error, Hashable, Sendable, CaseIterable {
    case malformedRequest = "malformed_request"
    case ambiguousFraming = "ambiguous_framing"
    case hostMissing = "host_missing"
    case headersTooLarge = "headers_too_large"
    case targetTooLong = "target_too_long"
    case bodyTooLarge = "body_too_large"
    case tooSlow = "too_slow"
    case unsupportedMediaType = "unsupported_media_type"
    case unsupportedEncoding = "unsupported_encoding"
    case repeatedAuthorization = "repeated_authorization"
    case pathNotFound = "path_not_found"
    case methodNotAllowed = "method_not_allowed"
    case tooManyRequests = "too_many_requests"
    case overloaded
    case storeUnavailable = "store_unavailable"
    case noSigningKey = "no_signing_key"
    case issuerUnreachable = "issuer_unreachable"
    case internalError = "internal_error"
}
