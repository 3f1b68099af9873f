package import JOSE
package import Policy

/// Why a request was refused, and what part of it the reason is about.
package struct Refusal: Error, Hashable, Sendable {
    package let reason: RefusalReason
    /// The member, fact or parameter by its name; empty where the reason says all.
    package let about: ByteString

    package init(_ reason: RefusalReason, _ about: ByteString = "") {
        self.reason = reason
        self.about = about
    }

    package init(_ reason: RefusalReason, _ fact: FactName) {
        self.init(reason, "job." + fact.claimName)
    }
}
