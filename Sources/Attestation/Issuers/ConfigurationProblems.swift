/// Everything that is wrong with the sections of a configuration, never empty.
package struct ConfigurationProblems: Error, Hashable, Sendable {
    package let all: [ConfigurationProblem]

    package init(_ all: [ConfigurationProblem]) {
        self.all = all
    }
}
