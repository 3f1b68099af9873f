package import JOSE
import Policy

/// The bounds as operators send them and as they are stored:
/// `{"allow": {"event_name": ["pull_request"]}, "deny": {"environment": true, "ref": ["refs/heads/main"]},
/// "set": {"runner_environment": "self-hosted"}, "max_duration": 7200, "max_live_jobs": 500,
/// "sources": ["10.2.0.0/16"], "valid_for": 7776000}`.
extension RunnerBounds {
    /// The most patterns of all facts together, and the most sources: what is stored is read again.
    package static let maximumEntries = 128

    /// The longest a credential may be good for: ten years, in seconds.
    package static let maximumValidity: Int64 = 315_360_000

    private static let members: Set<ByteString> = [
        "allow", "deny", "set", "max_duration", "max_live_jobs", "sources", "valid_for",
    ]

    package init(parsing object: JSONObject) throws(Refusal) {
        try object.refuseMembers(beyond: Self.members, of: "bounds.")
        try self.init(
            allowed: Self.allowed(object),
            denied: Self.denied(object),
            set: Self.set(object),
            maximumDuration: object.integer("max_duration", in: 1...86_400, of: "bounds."),
            maximumLiveJobs: object.integer("max_live_jobs", in: 1...10_000_000, of: "bounds.").map { Int($0) },
            sources: Self.sources(object),
            validity: object.integer("valid_for", in: 1...Self.maximumValidity, of: "bounds.")
        )
        guard entries <= Self.maximumEntries else { throw Refusal(.tooMany, "bounds") }
    }

    package var document: JSONObject {
        var object = JSONObject()
        object["allow"] = Self.member { allowed[$0].map(Self.array) }
        object["deny"] = Self.member { name in
            switch denied[name] {
            case nil: nil
            case .whenPresent: .bool(true)
            case .matching(let patterns): Self.array(patterns)
            }
        }
        object["set"] = Self.member { set[$0].map { .string($0) } }
        object["max_duration"] = maximumDuration.map { .integer($0) }
        object["max_live_jobs"] = maximumLiveJobs.map { .integer(Int64($0)) }
        object["sources"] = sources.isEmpty ? nil : .array(sources.map { .string($0.text) })
        object["valid_for"] = validity.map { .integer($0) }
        return object
    }

    private var entries: Int {
        let denied = denied.values.map { denial in
            if case .matching(let patterns) = denial { patterns.count } else { 1 }
        }
        return allowed.values.map(\.count).reduce(0, +) + denied.reduce(0, +) + sources.count
    }

    // MARK: - Reading

    private static func allowed(_ object: JSONObject) throws(Refusal) -> [FactName: [FactPattern]] {
        var allowed: [FactName: [FactPattern]] = [:]
        for (name, value) in try named("allow", object) { allowed[name] = try patterns(value, for: name) }
        return allowed
    }

    private static func denied(_ object: JSONObject) throws(Refusal) -> [FactName: Denial] {
        var denied: [FactName: Denial] = [:]
        for (name, value) in try named("deny", object) {
            denied[name] = value == .bool(true) ? .whenPresent : .matching(try patterns(value, for: name))
        }
        return denied
    }

    private static func set(_ object: JSONObject) throws(Refusal) -> [FactName: ByteString] {
        var set: [FactName: ByteString] = [:]
        for (name, value) in try named("set", object) {
            guard case .string(let text) = value else { throw Refusal(.wrongType, name) }
            // Nothing is set by saying nothing: what must not be there is denied.
            guard !text.isEmpty else { throw Refusal(.factMissing, name) }
            try JobFacts.check(text, for: name)
            set[name] = text
        }
        return set
    }

    private static func sources(_ object: JSONObject) throws(Refusal) -> [AddressRange] {
        guard let value = object["sources"] else { return [] }
        guard case .array(let values) = value else { throw Refusal(.wrongType, "bounds.sources") }
        // None would mean anywhere.
        guard !values.isEmpty else { throw Refusal(.outOfRange, "bounds.sources") }
        var sources: [AddressRange] = []
        for value in values {
            guard case .string(let text) = value else { throw Refusal(.wrongType, "bounds.sources") }
            sources.append(try AddressRange(text))
        }
        return sources
    }

    /// The members of `object[member]`, each of which is named after a fact.
    private static func named(
        _ member: ByteString,
        _ object: JSONObject
    ) throws(Refusal) -> [(name: FactName, value: JSONValue)] {
        guard let facts = try object.object(member) else { return [] }
        var named: [(name: FactName, value: JSONValue)] = []
        for fact in facts.members {
            guard let name = FactName(rawValue: fact.name.string) else {
                throw Refusal(.unknownMember, "job." + fact.name)
            }
            named.append((name, fact.value))
        }
        return named
    }

    private static func patterns(_ value: JSONValue, for name: FactName) throws(Refusal) -> [FactPattern] {
        guard case .array(let values) = value else { throw Refusal(.wrongType, name) }
        guard !values.isEmpty else { throw Refusal(.outOfRange, name) }
        var patterns: [FactPattern] = []
        for value in values {
            guard case .string(let text) = value else { throw Refusal(.wrongType, name) }
            patterns.append(try FactPattern(text, for: name))
        }
        return patterns
    }

    // MARK: - Writing

    private static func member(_ value: (FactName) -> JSONValue?) -> JSONValue? {
        let members = FactName.allCases.compactMap { name in value(name).map { (name.claimName, $0) } }
        return members.isEmpty ? nil : .object(JSONObject(members))
    }

    private static func array(_ patterns: [FactPattern]) -> JSONValue {
        .array(patterns.map { .string($0.text) })
    }
}
