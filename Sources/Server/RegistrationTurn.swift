/// Whether a registration goes on to the issuer now, as its reference decides.
package enum RegistrationTurn: Hashable, Sendable {
    case mayGoOn
    /// The same user's registration with this reference has no answer yet.
    case isUnderWay
    /// The reference names what may be another user's job.
    case isAnothers
}
