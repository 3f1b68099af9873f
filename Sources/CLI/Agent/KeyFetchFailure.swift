/// Why an issuer's keys could not be fetched: for the log, and for who has to mend it.
enum KeyFetchFailure: String, Error, Hashable {
    /// No connection, no TLS that can be trusted, or an answer that is too long.
    case unreachable
    case outOfTime
    /// The answer's status is not 200; redirects are not followed.
    case notOK
    case discoveryMalformed
    /// The discovery document names another issuer (OpenID Connect Discovery §4.3).
    case issuerMismatch
    /// `jwks_uri` is no https URL.
    case addressRefused
    /// `jwks_uri` leads to a network that is nobody's but ours, and no configuration names its host.
    case addressPrivate
    case keySetMalformed
    case tooManyKeys

    var explanation: String {
        switch self {
        case .unreachable:
            "the issuer cannot be reached, or answers more than 256 KiB; check the address, the network and the certificate"
        case .outOfTime: "no complete answer in time"
        case .notOK: "the answer is not 200, and redirects are not followed; name the final URL as jwksURI"
        case .discoveryMalformed: "the discovery document cannot be read"
        case .issuerMismatch: "the discovery document names another issuer; issuer must be exactly what it says"
        case .addressRefused: "the discovery document's jwks_uri is no plain https URL"
        case .addressPrivate: "jwks_uri leads into a private network; if that is meant, name it as jwksURI"
        case .keySetMalformed: "the JWK Set cannot be read"
        case .tooManyKeys: "the JWK Set has more than 50 keys"
        }
    }
}
