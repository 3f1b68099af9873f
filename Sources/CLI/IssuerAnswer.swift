import JOSE

/// What the issuer says when it refuses.
enum IssuerAnswer {
    static func failure(_ answer: HTTPFetcher.Answer) -> CommandFailure {
        guard case .object(let object)? = try? JSONReader.read(answer.body) else {
            return .failed("the issuer answered \(answer.status)")
        }
        var failure = CommandFailure.failed(
            "\(object.shown("reason")): \(object.shown("error_description")) (status \(answer.status))"
        )
        failure.reason = object.shown("reason")
        return failure
    }
}
