import Foundation

/// A numeric address, checked.
package enum IPAddress: Hashable, Sendable {
    case v4(String)
    case v6(String)

    /// Takes `127.0.0.1` or `[::1]`.
    init?(bracketed text: some StringProtocol) {
        if text.hasPrefix("["), text.hasSuffix("]") {
            let inner = String(text.dropFirst().dropLast())
            var address = in6_addr()
            guard inet_pton(AF_INET6, inner, &address) == 1 else { return nil }
            self = .v6(inner)
        } else {
            var address = in_addr()
            guard inet_pton(AF_INET, String(text), &address) == 1 else { return nil }
            self = .v4(String(text))
        }
    }
}
