/// Other rules for the workloads that have certain attributes.
package struct PolicyOverride: Hashable, Sendable {
    /// All must hold; never none.
    package let conditions: [WorkloadCondition]
    package let rules: SVIDRules
}
