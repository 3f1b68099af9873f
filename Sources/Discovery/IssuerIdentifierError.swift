/// Why a URL cannot name an issuer.
package enum IssuerIdentifierError: Error, Hashable, Sendable {
    case notAnAbsoluteURL
    case schemeNotHTTPS
    case httpBeyondLoopback
    case hasQuery
    case hasFragment
    case hasUserinfo
    case hasTrailingSlash
    case hostNotPlain
    case pathNotPlain

    /// One sentence that says how to mend it.
    package var explanation: String {
        switch self {
        case .notAnAbsoluteURL: "it must be an absolute URL such as https://ci.example.org"
        case .schemeNotHTTPS: "it must begin with https:// (OpenID Connect Discovery §3)"
        case .httpBeyondLoopback: "http:// is accepted for 127.0.0.1, [::1] and localhost only; use https://"
        case .hasQuery: "it must have no query: remove everything from the '?'"
        case .hasFragment: "it must have no fragment: remove everything from the '#'"
        case .hasUserinfo: "it must have no user name or password before the host"
        case .hasTrailingSlash: "it must not end in '/': verifiers compare it byte for byte"
        case .hostNotPlain: "scheme and host must be lower case and the default port left out"
        case .pathNotPlain:
            "its path may hold only letters, digits, '-', '.', '_' and '~', in segments that are not empty"
        }
    }
}
