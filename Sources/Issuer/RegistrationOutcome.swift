/// What became of a registration.
package enum RegistrationOutcome: Hashable, Sendable {
    case registered
    /// The runner used this reference before.
    case referenceTaken(Job)
    case refused(RefusalReason)
}
