import JOSE
import Keys
import Policy

/// What was decided and rendered for a job and its audiences, and holds for every token of them: until the job's facts
/// or its approval, or the policy, change.
struct TokenTemplate: Sendable {
    let audiences: Audiences
    let subject: ByteString
    let algorithm: SigningAlgorithm
    /// Seconds from `iat` to `exp`.
    let lifetime: Int64
    /// The names of the rules that permit the tokens.
    let rules: [ByteString]
    /// The rules that give one job only so many tokens.
    let limits: [(rule: ByteString, maximumTokens: Int)]
    let claims: RenderedClaims
    /// What stands between the job and its tokens, to be looked at each time anew: the end of a wait comes by itself.
    let approval: Result<Approval?, Refusal>

    init(constant claims: JSONObject, audiences: Audiences, plan: TokenPlan, approval: Result<Approval?, Refusal>) {
        var claims = claims
        claims["aud"] = audiences.claim
        self.audiences = audiences
        subject = claims["sub"]?.stringValue ?? ""
        algorithm = plan.algorithm
        lifetime = plan.lifetime
        rules = plan.ruleNames
        limits = plan.limits
        self.claims = RenderedClaims(claims)
        self.approval = approval
    }
}
