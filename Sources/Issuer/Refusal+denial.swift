import JOSE
import Policy

extension Refusal {
    /// The refusal that a denial of the policy is to the caller.
    ///
    /// Its label keeps the calls below from meaning this initialiser itself: both enums have cases of the same names.
    init(denied denial: Denial) {
        switch denial {
        case .audienceNotNamed: self.init(.audienceNotAllowed)
        case .noRuleMatches: self.init(.noRuleMatches)
        case .deniedByRule(let rule): self.init(.deniedByRule, rule)
        case .fork: self.init(.fork)
        case .environmentNotDeclared: self.init(.environmentNotDeclared, .environment)
        case .environmentRefNotAllowed: self.init(.environmentRefNotAllowed, .environment)
        case .attributeMissing(let attribute): self.init(.factNeeded, attribute.name)
        case .subjectUnavailable(let attribute): self.init(.subjectUnavailable, attribute.name)
        case .idMissing(let fact): self.init(.immutableIDMissing, fact)
        case .subjectTooLong: self.init(.subjectTooLong)
        }
    }
}
