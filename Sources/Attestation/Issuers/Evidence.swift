package import JOSE

/// What a workload presents so that we find out who it is: the token that its CI gave it, not yet looked at.
package struct Evidence: Hashable, Sendable {
    package let token: ByteString

    package init(token: ByteString) {
        self.token = token
    }
}

extension Evidence: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
