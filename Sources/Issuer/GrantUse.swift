package import JOSE

/// One use of a rule that gives a job only so many tokens.
///
/// Clients retry: for ``repeatSeconds`` the same audiences get the same claims again, and nothing is counted.
package struct GrantUse: Hashable, Sendable {
    package static let repeatSeconds: Int64 = 10

    package let rule: ByteString
    package let maximumTokens: Int
    /// The audiences in the order asked for, as one text.
    package let audiences: ByteString
    /// The claims of the token, as they are signed.
    package let claims: [UInt8]

    /// Whether these, all of one job that is new, are more than their rules give.
    static func areExceeded(_ uses: [GrantUse]) -> Bool {
        uses.contains { use in uses.count { $0.rule == use.rule } > use.maximumTokens }
    }

    package init(rule: ByteString, maximumTokens: Int, audiences: Audiences, claims: [UInt8]) {
        self.rule = rule
        self.maximumTokens = maximumTokens
        self.audiences = audiences.joined
        self.claims = claims
    }
}
