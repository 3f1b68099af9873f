package import JOSE
package import Keys
package import SPIFFE

/// What the policy gives one workload.
package struct SVIDPlan: Sendable {
    package let id: SPIFFEID
    /// In seconds; nil for what is usual.
    package let x509Lifetime: Int64?
    /// In seconds; nil for what is usual.
    package let jwtLifetime: Int64?
    private let subjectOutcome: Result<ByteString?, SVIDRefusal>
    private let claimsOutcome: Result<[(ByteString, JSONValue)], SVIDRefusal>

    /// What an X.509-SVID lives where the policy says nothing, in seconds.
    package static let usualX509Lifetime: Int64 = 3600
    /// What a JWT-SVID lives where the policy says nothing, in seconds.
    package static let usualJWTLifetime: Int64 = 300

    init(
        id: SPIFFEID,
        x509Lifetime: Int64?,
        jwtLifetime: Int64?,
        subject: Result<ByteString?, SVIDRefusal>,
        claims: Result<[(ByteString, JSONValue)], SVIDRefusal>
    ) {
        self.id = id
        self.x509Lifetime = x509Lifetime
        self.jwtLifetime = jwtLifetime
        subjectOutcome = subject
        claimsOutcome = claims
    }

    /// The certificate's subject as RFC 4514 text, nil for the usual one; refused where it names what is absent.
    ///
    /// That leaves the workload's JWT-SVIDs as they are.
    package func subject() throws(SVIDRefusal) -> ByteString? {
        try subjectOutcome.get()
    }

    /// The claims beside those that every JWT-SVID has; refused where one names what is absent.
    ///
    /// That leaves the workload's X.509-SVIDs as they are.
    package func additionalClaims() throws(SVIDRefusal) -> [(ByteString, JSONValue)] {
        try claimsOutcome.get()
    }

    /// For how long an SVID may be issued now: what the policy says, but not longer than `maximumAfterToken` seconds after
    /// the workload's evidence expires.
    ///
    /// - Throws: `evidenceExpired`: what evidence earned is not renewed when it is over.
    package func lifetime(
        of kind: SVIDKind,
        at now: NumericDate,
        evidenceExpiresAt: NumericDate,
        maximumAfterToken: Int64
    ) throws(SVIDRefusal) -> SVIDLifetime {
        guard now < evidenceExpiresAt else { throw .evidenceExpired }
        let wanted =
            switch kind {
            case .x509: x509Lifetime ?? Self.usualX509Lifetime
            case .jwt: jwtLifetime ?? Self.usualJWTLifetime
            }
        let latest = evidenceExpiresAt.advanced(bySeconds: max(maximumAfterToken, 0))
        guard now.advanced(bySeconds: wanted) > latest else {
            return SVIDLifetime(seconds: wanted, isShortened: false)
        }
        return SVIDLifetime(seconds: latest.secondsSinceEpoch - now.secondsSinceEpoch, isShortened: true)
    }
}
