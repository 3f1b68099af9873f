package import JOSE
package import Policy

/// What a runner may say of its jobs beyond whose they are, how long they may last, where it may speak from, and how
/// long its credential is good for.
///
/// Bounds only narrow. They are set when the runner is added, and stay.
package struct RunnerBounds: Hashable, Sendable {
    /// When a fact is refused.
    package enum Denial: Hashable, Sendable {
        case whenPresent
        case matching([FactPattern])
    }

    /// A fact that is named here must be there, with a value that one of its patterns matches.
    package let allowed: [FactName: [FactPattern]]
    package let denied: [FactName: Denial]
    /// Facts that the operator states: whatever the runner says of them is passed over.
    package let set: [FactName: ByteString]
    /// The longest a job may last, in seconds.
    package let maximumDuration: Int64?
    /// The most jobs that may live at one time; nil for ``standardLiveJobs``.
    package let maximumLiveJobs: Int?
    /// Where the credential may be presented from; anywhere where this is empty.
    package let sources: [AddressRange]
    /// Seconds for which each credential of the runner is good, from when it is made; nil for no end.
    package let validity: Int64?

    /// A runner that is bound by its repositories only.
    package static let none = RunnerBounds()

    /// The most live jobs of a runner of which nothing else was said.
    package static let standardLiveJobs = 100_000

    private init() {
        allowed = [:]
        denied = [:]
        set = [:]
        maximumDuration = nil
        maximumLiveJobs = nil
        sources = []
        validity = nil
    }

    /// Bounds that allow the very facts they set.
    ///
    /// - Throws: `fact_not_allowed` where no job could ever hold to them.
    package init(
        allowed: [FactName: [FactPattern]],
        denied: [FactName: Denial],
        set: [FactName: ByteString],
        maximumDuration: Int64?,
        maximumLiveJobs: Int? = nil,
        sources: [AddressRange],
        validity: Int64?
    ) throws(Refusal) {
        self.allowed = allowed
        self.denied = denied
        self.set = set
        self.maximumDuration = maximumDuration
        self.maximumLiveJobs = maximumLiveJobs
        self.sources = sources
        self.validity = validity
        for name in FactName.allCases {
            if let value = set[name], !permits(value, for: name) { throw Refusal(.factNotAllowed, name) }
        }
    }

    /// The facts of a job of which the runner states `stated`.
    ///
    /// What it states must hold by itself; what the operator set is put in its place, and must hold with the rest.
    package func facts(_ stated: JobFacts) throws(Refusal) -> JobFacts {
        let facts = try stated.setting(set)
        for name in FactName.allCases where !permits(facts[name], for: name) { throw Refusal(.factNotAllowed, name) }
        return facts
    }

    /// How long a job lasts, in seconds, of which the runner says `requested`, or nothing.
    package func lifetime(requested: Int64?) throws(Refusal) -> Int64 {
        let maximum = maximumDuration ?? .max
        guard let requested else { return min(JobRegistration.standardLifetime, maximum) }
        guard requested <= maximum else { throw Refusal(.durationNotAllowed, "expires_in") }
        return requested
    }

    /// Whether the credential may be presented by this peer; one without an address is from nowhere.
    package func admits(_ peer: NetworkAddress?) -> Bool {
        if sources.isEmpty { return true }
        guard let peer else { return false }
        return sources.contains { $0.contains(peer) }
    }

    private func permits(_ value: ByteString?, for name: FactName) -> Bool {
        if let patterns = allowed[name] {
            guard let value, patterns.contains(where: { $0.matches(value) }) else { return false }
        }
        guard let value else { return true }
        switch denied[name] {
        case nil: return true
        case .whenPresent: return false
        case .matching(let patterns): return !patterns.contains { $0.matches(value) }
        }
    }
}
