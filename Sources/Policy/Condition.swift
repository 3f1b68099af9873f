/// One line of a rule's `match`: an attribute is one of some patterns, or is absent.
package struct Condition: Hashable, Sendable {
    package enum Wanted: Hashable, Sendable {
        case oneOf([Pattern])
        case absent
    }

    package let attribute: Attribute
    package let wanted: Wanted

    package init(_ attribute: Attribute, _ wanted: Wanted) {
        self.attribute = attribute
        self.wanted = wanted
    }

    /// An absent attribute matches no pattern, not even `*`.
    package func holds(for job: JobDescription) -> Bool {
        switch (wanted, job[attribute]) {
        case (.absent, let value): value == nil
        case (.oneOf, nil): false
        case (.oneOf(let patterns), let value?): patterns.contains { $0.matches(value) }
        }
    }
}
