/// What is due now, and what is not due yet.
package struct RotationPlan: Hashable, Sendable {
    package var steps: [RotationStep] = []
    package var waits: [RotationWait] = []

    package init(steps: [RotationStep] = [], waits: [RotationWait] = []) {
        self.steps = steps
        self.waits = waits
    }

    /// When the published set is next to change, as far as is known: no copy should live longer.
    package var nextChangeAt: NumericDate? {
        waits.compactMap(\.until).min()
    }
}
