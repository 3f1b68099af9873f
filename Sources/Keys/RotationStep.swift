package import JOSE

/// One step of a plan: what is to happen to which key, before any key was made.
package struct RotationStep: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// A new key, published and not yet signing.
        case prepare(KeyPurpose)
        /// A new key that signs at once: where nothing else can.
        case begin(KeyPurpose)
        case publish(ByteString)
        case activate(ByteString)
        case retire(ByteString)
        case revoke(ByteString)
    }

    package let action: Action
    package let reason: KeyTransition.Reason

    /// The key that signs from this step on.
    var activated: ByteString? {
        if case .activate(let kid) = action { kid } else { nil }
    }

    package init(_ action: Action, because reason: KeyTransition.Reason) {
        self.action = action
        self.reason = reason
    }
}
