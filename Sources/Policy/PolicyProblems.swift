/// Everything that is wrong with a policy, never empty.
package struct PolicyProblems: Error, Hashable, Sendable {
    package let all: [PolicyProblem]

    package init(_ all: [PolicyProblem]) {
        self.all = all
    }
}
