// Everybody who verifies: copies of the JWK Set as old as they may be, and the tokens that are to verify by them.

import JOSE
import Keys

/// What must never happen to a verifier is noted in ``failures``.
struct Verifiers {
    /// Small and at every border: 200 of refreshing, 100 of caching and 300 of skew make a lead of 600, with tokens of
    /// 600 a grace of 1100.
    static func schedule(maximumPublished: Int = 10) throws -> RotationSchedule {
        try RotationSchedule(
            rotationInterval: .seconds(2000),
            publicationLead: .seconds(600),
            gracePeriod: .seconds(1100),
            refreshInterval: .seconds(Self.refreshInterval),
            clockSkew: .seconds(300),
            jwksMaxAge: .seconds(Self.maximumAge),
            maximumPublished: maximumPublished,
            maximumTokenLifetime: .seconds(Self.maximumLifetime)
        )
    }

    static let refreshInterval: Int64 = 200
    static let maximumAge: Int64 = 100
    static let maximumLifetime: Int64 = 600

    /// For how long copies are kept.
    private let keeping: Int64
    private var copies: [(until: Int64, kids: Set<ByteString>)] = []
    private var tokens: [(until: Int64, kid: ByteString)] = []
    private var excused: [ByteString: Int64] = [:]
    private var revoked: Set<ByteString> = []
    private(set) var failures: [String] = []
    private(set) var checks = 0

    init(keeping: Int64 = Self.maximumAge) {
        self.keeping = keeping
    }

    /// Somebody fetches the set and keeps it for as long as it may be kept.
    mutating func fetch(_ kids: [ByteString], at now: Int64) {
        let copy = (until: now + keeping, kids: Set(kids))
        tokens.removeAll { $0.until < now }
        for token in tokens { check(token.kid, in: copy, at: now) }
        copies.append(copy)
    }

    /// A token leaves, and everybody verifies it.
    mutating func accept(_ kid: ByteString, until: Int64, at now: Int64) {
        copies.removeAll { $0.until < now }
        for copy in copies { check(kid, in: copy, at: now) }
        tokens.append((until, kid))
    }

    /// What the ring did: a key that had to sign at once is excused until every copy can hold it.
    mutating func note(_ transition: KeyTransition, at now: Int64) {
        switch (transition.verb, transition.reason) {
        case (.revoke, _): revoked.insert(transition.kid)
        case (.activate, .revocation), (.activate, .noActiveKey), (.activate, .certificateExpired):
            excused[transition.kid] = now + Self.refreshInterval + Self.maximumAge
        default: break
        }
    }

    private mutating func check(_ kid: ByteString, in copy: (until: Int64, kids: Set<ByteString>), at now: Int64) {
        guard !revoked.contains(kid), excused[kid].map({ $0 < now }) ?? true else { return }
        checks += 1
        if !copy.kids.contains(kid) {
            failures.append("at \(now) a copy of \(copy.until - keeping) lacks \(kid.string)")
        }
    }
}
