import JOSE
import Keys

/// What operators are told of a rotation.
enum RotationReport {
    static func document(of outcome: RotationOutcome) -> JSONObject {
        JSONObject([
            ("version", .integer(outcome.state.ring.version)),
            ("changes", .array(outcome.transitions.map { .object(document(of: $0)) })),
            ("waiting", .array(outcome.waits.map { .object(document(of: $0)) })),
        ])
    }

    /// With what a revocation leaves to be known: until when, and where, the keys may still be accepted.
    static func document(
        of outcome: RotationOutcome,
        revoking kids: [ByteString],
        at now: NumericDate
    ) -> JSONObject {
        var object = document(of: outcome)
        object["verifiers_may_accept_until"] = acceptedUntil(outcome, at: now)
        let expiries = kids.compactMap { outcome.state.tokensExpireBy[$0] }
        object["tokens_expire_by"] = expiries.max().map { .string($0.internetDate) }
        let places = Set(outcome.state.rules?.places ?? []).union(outcome.state.sightings.keys).sorted()
        object["places"] = .array(
            places.map { place in
                let held = kids.filter { outcome.state.sightings[place]?[$0] != nil }
                return .object(
                    JSONObject([
                        ("place", .string(place)), ("still_holds", .array(held.map { .string($0) })),
                    ])
                )
            }
        )
        return object
    }

    /// Who fetched the set just before keeps it for its maximum age.
    static func acceptedUntil(_ outcome: RotationOutcome, at now: NumericDate) -> JSONValue {
        guard let schedule = outcome.state.rules?.schedule else { return .null }
        // A second more: both instants were rounded down.
        return .string(now.advanced(by: schedule.longestCopy + .seconds(1)).internetDate)
    }

    private static func document(of transition: KeyTransition) -> JSONObject {
        var object = JSONObject([
            ("transition", .string(ByteString(transition.verb.rawValue))),
            ("kid", .string(transition.kid)),
            ("algorithm", .string(ByteString(transition.purpose.algorithm.rawValue))),
            ("reason", .string(ByteString(transition.reason.rawValue))),
        ])
        object["purpose"] = name(of: transition.purpose)
        return object
    }

    static func document(of wait: RotationWait) -> JSONObject {
        var object = JSONObject([("algorithm", .string(ByteString(wait.purpose.algorithm.rawValue)))])
        object["purpose"] = name(of: wait.purpose)
        object["kid"] = wait.kid.map { .string($0) }
        object["waits_for"] = .string(wait.cause.name)
        if case .notSeen(let place) = wait.cause { object["place"] = .string(place) }
        object["until"] = wait.until.map { .string($0.internetDate) }
        return object
    }

    /// Nil for tokens: the algorithm tells them apart.
    static func name(of purpose: KeyPurpose) -> JSONValue? {
        purpose == .certificates ? .string(purpose.name) : nil
    }
}

extension RotationWait.Cause {
    fileprivate var name: ByteString {
        switch self {
        case .rotationInterval: "rotation_interval"
        case .publicationLead: "publication_lead"
        case .notServed: "serve"
        case .notSeen: "publish"
        case .gracePeriod: "grace_period"
        case .tooManyPublished: "maximum_published"
        case .clock: "clock"
        }
    }
}

extension Refusal {
    init(_ refusal: RotationRefusal) {
        switch refusal {
        case .noSuchKey(let kid): self.init(.notFound, kid)
        case .wrongState(let kid, let state): self.init(.keyState, kid + " is " + ByteString(state.rawValue))
        case .unusable(let kid): self.init(.keyUnusable, kid)
        case .notHeld(let purpose): self.init(.outOfRange, "algorithms: this store has no keys for " + purpose.name)
        case .noStandby(let purpose): self.init(.noStandby, purpose.name)
        case .tooYoung(let kid, let until): self.init(.standbyTooYoung, kid + " may sign at " + until.internetDate)
        case .notServed(let kid): self.init(.standbyNotServed, kid)
        case .notSeen(let kid, let place): self.init(.standbyNotSeen, kid + " at " + place)
        case .stillNeeded(let kid, let until): self.init(.keyStillNeeded, kid + " until " + until.internetDate)
        case .tooManyPublished(let maximum): self.init(.tooManyKeys, ByteString(maximum.description))
        // By its type: the bare case would mean this initialiser again, without end.
        case .clockUncertain: self.init(RefusalReason.clockUncertain)
        }
    }
}
