import JOSE

/// One line of an override's `when`: an attribute is one of some values.
package struct WorkloadCondition: Hashable, Sendable {
    package let attribute: WorkloadAttribute
    package let patterns: [ClaimPattern]

    /// An absent attribute matches nothing, not even `*`.
    func holds(for attributes: WorkloadAttributes) -> Bool {
        attributes[attribute].map(matches) ?? false
    }

    func matches(_ value: ByteString) -> Bool {
        patterns.contains { $0.matches(value) }
    }
}
