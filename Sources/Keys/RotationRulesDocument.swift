import JOSE

/// The stored form of ``RotationRules``: one JSON object, durations in whole seconds.
package enum RotationRulesDocument {
    private static let limits = JSONReader.Limits(
        maximumBytes: 65_536,
        maximumDepth: 4,
        maximumMembers: 64,
        maximumElements: 1_000
    )

    package static func write(_ rules: RotationRules) -> [UInt8] {
        let schedule = rules.schedule
        var object = JSONObject([
            ("rotationInterval", .integer(schedule.rotationInterval.components.seconds)),
            ("publicationLead", .integer(schedule.publicationLead.components.seconds)),
            ("gracePeriod", .integer(schedule.gracePeriod.components.seconds)),
            ("refreshInterval", .integer(schedule.refreshInterval.components.seconds)),
            ("clockSkew", .integer(schedule.clockSkew.components.seconds)),
            ("jwksMaxAge", .integer(schedule.jwksMaxAge.components.seconds)),
            ("maximumPublished", .integer(Int64(schedule.maximumPublished))),
            ("places", .array(rules.places.map { .string($0) })),
        ])
        // Left out where it says what it always was: older versions read it, and it stays the same bytes.
        if rules.purposes != KeyPurpose.allTokens {
            object["purposes"] = .array(rules.purposes.map { .string($0.name) })
        }
        return object.serialized
    }

    /// - Throws: ``KeyRingError/malformedDocument`` for anything that ``write(_:)`` did not make.
    package static func read(_ bytes: [UInt8]) throws(KeyRingError) -> RotationRules {
        guard case .object(let object)? = try? JSONReader.read(bytes, limits: limits),
            case .array(let places)? = object["places"], let purposes = purposes(object["purposes"]),
            let schedule = schedule(object, purposes)
        else { throw .malformedDocument }
        let rules = RotationRules(schedule: schedule, places: places.compactMap(\.stringValue), purposes: purposes)
        guard write(rules) == bytes else { throw .malformedDocument }
        return rules
    }

    /// The bound on token lifetimes was checked by the issuer that wrote the rules, which knew them.
    private static func schedule(_ object: JSONObject, _ purposes: [KeyPurpose]) -> RotationSchedule? {
        guard let rotationInterval = duration(object["rotationInterval"]),
            let publicationLead = duration(object["publicationLead"]),
            let gracePeriod = duration(object["gracePeriod"]),
            let refreshInterval = duration(object["refreshInterval"]),
            let clockSkew = duration(object["clockSkew"]), let jwksMaxAge = duration(object["jwksMaxAge"]),
            case .integer(let maximumPublished)? = object["maximumPublished"]
        else { return nil }
        return try? RotationSchedule(
            rotationInterval: rotationInterval,
            publicationLead: publicationLead,
            gracePeriod: gracePeriod,
            refreshInterval: refreshInterval,
            clockSkew: clockSkew,
            jwksMaxAge: jwksMaxAge,
            maximumPublished: Int(clamping: maximumPublished),
            maximumTokenLifetime: .zero,
            purposes: purposes
        )
    }

    private static func purposes(_ value: JSONValue?) -> [KeyPurpose]? {
        guard let value else { return KeyPurpose.allTokens }
        guard case .array(let names) = value else { return nil }
        return names.compactMap(\.stringValue).compactMap { KeyPurpose($0) }
    }

    /// Ten years: sums of such times can be counted.
    private static let longest: Int64 = 315_360_000

    private static func duration(_ value: JSONValue?) -> Duration? {
        guard case .integer(let seconds)? = value, (0...longest).contains(seconds) else { return nil }
        return .seconds(seconds)
    }
}
