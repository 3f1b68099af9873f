package import JOSE
package import Keys

/// Where the keys of trusted issuers come from.
package protocol VerificationKeySource: Sendable {
    /// The issuer's keys as they are known.
    ///
    /// - Throws: `issuerKeysUnavailable`.
    func keys(of issuer: TrustedIssuer, at now: NumericDate) async throws(SVIDRefusal) -> JWKSet

    /// The issuer's keys after one more look, where one is due: a token named a key that is not among the known ones.
    ///
    /// - Throws: `issuerKeysUnavailable`.
    func newerKeys(of issuer: TrustedIssuer, at now: NumericDate) async throws(SVIDRefusal) -> JWKSet
}
