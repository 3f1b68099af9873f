package import JOSE

/// One thing that is wrong with a section of the agent's configuration: where, and how to mend it.
package struct ConfigurationProblem: Hashable, Sendable {
    /// As `WorkloadAttestation`.
    package let section: ByteString
    /// As `spec.jwt.allowedIssuers[0].issuer`.
    package let path: ByteString
    package let explanation: ByteString

    package init(section: ByteString, path: ByteString, explanation: ByteString) {
        self.section = section
        self.path = path
        self.explanation = explanation
    }
}
