package import JOSE
package import Keys

/// The tokens of issuers with `replay: refuse` that were used, by issuer and `jti`.
///
/// A workload opens several requests with one token, and its client tries again when a connection breaks; so a token may be
/// used again for ``window`` seconds after its first use. What leaks from a log later is worth nothing. Only verified tokens
/// come here, so nobody but their issuer fills it; what is known is lost with the process.
package struct UsedEvidence: Sendable {
    package enum Verdict: Hashable, Sendable {
        case mayBeUsed
        case wasUsed
        /// So many are known that no other can be remembered.
        case isFull
    }

    /// For how long after its first use a token may be used again, in seconds.
    package static let window: Int64 = 60

    private struct Name: Hashable {
        let issuer: ByteString
        let id: ByteString
    }

    private struct Use {
        let firstAt: NumericDate
        let forgottenAt: NumericDate
    }

    private let capacity: Int
    private var uses: [Name: Use] = [:]

    package init(capacity: Int = 100_000) {
        self.capacity = capacity
    }

    /// Notes a use; `acceptedUntil` is when the token is refused anyway, leeway included.
    package mutating func use(
        _ id: ByteString,
        of issuer: ByteString,
        acceptedUntil: NumericDate,
        at now: NumericDate
    ) -> Verdict {
        let name = Name(issuer: issuer, id: id)
        if let use = uses[name] {
            return now < use.firstAt.advanced(bySeconds: Self.window) ? .mayBeUsed : .wasUsed
        }
        if uses.count >= capacity { uses = uses.filter { now < $0.value.forgottenAt } }
        guard uses.count < capacity else { return .isFull }
        uses[name] = Use(firstAt: now, forgottenAt: acceptedUntil)
        return .mayBeUsed
    }
}
