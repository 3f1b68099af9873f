/// The state after a rotation, the transitions that led there, and what waits for what.
package struct RotationOutcome: Hashable, Sendable {
    package let state: RotationState
    package let transitions: [KeyTransition]
    package var waits: [RotationWait]

    package init(state: RotationState, transitions: [KeyTransition], waits: [RotationWait] = []) {
        self.state = state
        self.transitions = transitions
        self.waits = waits
    }
}
