private import JOSE

/// The errors of S3 that an operator can mend, by the codes that its answers carry.
package enum S3ErrorCode: String, Hashable, Sendable, CaseIterable {
    case accessDenied = "AccessDenied"
    case noSuchBucket = "NoSuchBucket"
    case noSuchKey = "NoSuchKey"
    case unknownAccessKey = "InvalidAccessKeyId"
    case signatureMismatch = "SignatureDoesNotMatch"
    case clockSkew = "RequestTimeTooSkewed"
    case wrongRegion = "AuthorizationHeaderMalformed"
    case otherEndpoint = "PermanentRedirect"
    case tokenExpired = "ExpiredToken"
    case tokenInvalid = "InvalidToken"

    /// The code in the answer's XML; nothing else of the answer is ever shown.
    init?(in body: [UInt8]) {
        let text = String(decoding: body.prefix(4096), as: UTF8.self)
        guard let code = Self.allCases.first(where: { text.contains("<Code>\($0.rawValue)</Code>") }) else {
            return nil
        }
        self = code
    }

    /// How to mend it.
    var explanation: String {
        switch self {
        case .accessDenied: "let the credentials put and get objects there (s3:PutObject, s3:GetObject)"
        case .noSuchBucket: "make the bucket first, or check its name"
        case .noSuchKey: "what was written is gone; look for a lifecycle rule or another writer"
        case .unknownAccessKey: "check AWS_ACCESS_KEY_ID"
        case .signatureMismatch: "check AWS_SECRET_ACCESS_KEY"
        case .clockSkew: "set the clock of this machine"
        case .wrongRegion: "check s3.region"
        case .otherEndpoint: "the bucket lies in another region; check s3.endpoint and s3.region"
        case .tokenExpired, .tokenInvalid: "get new temporary credentials, AWS_SESSION_TOKEN among them"
        }
    }
}
