/// What a policy says of the SVIDs of the workloads it is for.
package struct SVIDRules: Hashable, Sendable {
    package let pathTemplate: PathTemplate
    /// In seconds; nil for what is usual.
    package let x509Lifetime: Int64?
    package let subject: SubjectTemplate?
    /// In seconds; nil for what is usual.
    package let jwtLifetime: Int64?
    /// Nil where the policy says nothing of claims: then the cluster's older template counts.
    package let additionalClaims: [AdditionalClaim]?
}
