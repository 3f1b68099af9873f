package import JOSE

/// The paths of the public plane, each to be appended to the issuer (OpenID Connect Discovery §4).
package enum WellKnownPath {
    package static let configuration: ByteString = "/.well-known/openid-configuration"
    package static let jwkSet: ByteString = "/.well-known/jwks"
    /// The same JWK Set under the name that some verifiers expect.
    package static let jwkSetAlias: ByteString = "/.well-known/jwks.json"
}
