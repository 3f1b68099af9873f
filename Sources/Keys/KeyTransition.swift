package import JOSE

/// One change of one key's state, as the audit log tells it.
package struct KeyTransition: Hashable, Sendable {
    /// The verbs of the command line are the names of the transitions.
    package enum Verb: String, Hashable, Sendable, CaseIterable {
        case prepare
        case publish
        case activate
        case retire
        case revoke
    }

    /// Why it came to it.
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// The schedule says so.
        case due
        /// An operator said so.
        case asked
        /// The purpose had no key that signs.
        case noActiveKey = "no_active_key"
        /// Another key was revoked.
        case revocation
        /// The ledger of revocations names the key: the store was restored from before.
        case ledger
        /// The private half of the standby does not open.
        case unusable
        /// The certificate of the key has expired, or would too soon.
        case certificateExpired = "certificate_expired"
    }

    package let verb: Verb
    package let kid: ByteString
    package let purpose: KeyPurpose
    package let reason: Reason

    package init(_ verb: Verb, _ kid: ByteString, _ purpose: KeyPurpose, because reason: Reason) {
        self.verb = verb
        self.kid = kid
        self.purpose = purpose
        self.reason = reason
    }
}
