package import JOSE
import Keys

/// What holds for every SVID of an agent, whatever the policy gives.
package struct SVIDTerms: Sendable {
    /// How many seconds an SVID may outlive the evidence it was given for.
    package let maximumAfterToken: Int64
    /// The longest that any SVID may live, in seconds.
    package let maximumLifetime: Int64
    /// `iss` of JWT-SVIDs; nil for none.
    package let jwtIssuer: ByteString?

    package init(maximumAfterToken: Int64, maximumLifetime: Int64, jwtIssuer: ByteString? = nil) {
        self.maximumAfterToken = maximumAfterToken
        self.maximumLifetime = maximumLifetime
        self.jwtIssuer = jwtIssuer
    }

    /// For how long an SVID of the plan is good that is given now, and whether that is less than the policy says.
    func lifetime(
        of kind: SVIDKind,
        _ plan: SVIDPlan,
        for workload: AttestedWorkload,
        at now: NumericDate
    ) throws(SVIDRefusal) -> SVIDLifetime {
        let lifetime = try plan.lifetime(
            of: kind,
            at: now,
            evidenceExpiresAt: workload.expiresAt,
            maximumAfterToken: maximumAfterToken
        )
        guard lifetime.seconds > maximumLifetime else { return lifetime }
        return SVIDLifetime(seconds: maximumLifetime, isShortened: true)
    }
}
