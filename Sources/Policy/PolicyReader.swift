import JOSE

/// Reads the parts of a policy's tree, and notes everything that is wrong with them.
struct PolicyReader {
    private let root: JSONValue
    private let maximumLifetime: Int64
    private(set) var problems: [PolicyProblem] = []

    init(_ root: JSONValue, maximumLifetime: Int64) {
        self.root = root
        self.maximumLifetime = maximumLifetime
    }

    mutating func object(_ path: ByteString, _ members: Set<ByteString>) -> JSONObject {
        object(root, path, members)
    }

    // MARK: - Rules

    mutating func rules(_ top: JSONObject) -> [Rule] {
        guard let values = array(top["rules"], "rules") else {
            note("rules", "is missing; a policy without rules would refuse every token: write rules: [] if you mean it")
            return []
        }
        var rules: [Rule] = []
        for (index, value) in values.enumerated() {
            if let rule = rule(value, "rules[" + ByteString(String(index)) + "]") { rules.append(rule) }
        }
        return rules
    }

    private static let grantMembers: Set<ByteString> = [
        "lifetime", "algorithm", "subject", "profile", "claims", "sessionTags", "subjectClaims", "tokens",
    ]

    private mutating func rule(_ value: JSONValue, _ path: ByteString) -> Rule? {
        let members = object(value, path, Self.grantMembers.union(["name", "match", "audiences", "deny"]))
        let name = text(members["name"], path + ".name")
        if members["name"] == nil { note(path + ".name", "is missing; the audit log names the rule that decided") }
        if let name, !Self.isName(name) { note(path + ".name", "must be 1 to 64 printable ASCII characters") }
        let conditions = conditions(members["match"], path + ".match")
        guard members["deny"] == nil else {
            for member in Self.grantMembers where members[member] != nil {
                note(path + "." + member, "means nothing in a rule that denies")
            }
            if members["audiences"] != nil { note(path + ".audiences", "stands beside deny; write one of them") }
            let denied = patterns(members["deny"], path + ".deny")
            return name.map { Rule(name: $0, conditions: conditions, audiences: denied, effect: .deny) }
        }
        let audiences = patterns(members["audiences"], path + ".audiences")
        if members["audiences"] == nil { note(path + ".audiences", "is missing; say for whom tokens may be, or deny:") }
        let grant = grant(members, named: name ?? "", path)
        return name.map { Rule(name: $0, conditions: conditions, audiences: audiences, effect: .permit(grant)) }
    }

    private mutating func conditions(_ value: JSONValue?, _ path: ByteString) -> [Condition] {
        guard let value else { return [] }
        var conditions: [Condition] = []
        for member in object(value, path, nil).members {
            let path = path + "." + member.name
            guard let attribute = Attribute(member.name) else {
                note(path, "is no fact of a job; facts are named as the claims are, and runner, fork, pull_request")
                continue
            }
            if member.value == .null {
                conditions.append(Condition(attribute, .absent))
            } else {
                conditions.append(Condition(attribute, .oneOf(patterns(member.value, path))))
            }
        }
        return conditions
    }

    private mutating func grant(_ members: JSONObject, named rule: ByteString, _ path: ByteString) -> Grant {
        Grant(
            rule: rule,
            maximumLifetime: lifetime(members["lifetime"], path + ".lifetime"),
            algorithm: algorithm(members["algorithm"], path + ".algorithm"),
            subject: subject(members["subject"], path + ".subject"),
            claims: claimsProfile(members["profile"], path + ".profile"),
            additionalClaims: additionalClaims(members["claims"], path + ".claims"),
            sessionTags: facts(members["sessionTags"], path + ".sessionTags"),
            subjectClaims: subjectClaims(members["subjectClaims"], path + ".subjectClaims"),
            maximumTokens: count(members["tokens"], path + ".tokens")
        )
    }

    private mutating func lifetime(_ value: JSONValue?, _ path: ByteString) -> Int64? {
        guard let seconds = seconds(value, path) else { return nil }
        guard seconds <= maximumLifetime else {
            note(path, "is longer than tokens.maximumLifetime, " + ByteString(String(maximumLifetime)) + " s")
            return nil
        }
        return seconds
    }

    private mutating func algorithm(_ value: JSONValue?, _ path: ByteString) -> SigningAlgorithm? {
        guard let text = text(value, path) else { return nil }
        if let algorithm = SigningAlgorithm(rawValue: text.string) { return algorithm }
        note(path, "must be RS256 or ES256")
        return nil
    }

    private mutating func subject(_ value: JSONValue?, _ path: ByteString) -> SubjectForm? {
        guard let text = text(value, path) else { return nil }
        do throws(TemplateError) {
            return try SubjectForm(text)
        } catch {
            note(path, error.explanation)
            return nil
        }
    }

    private mutating func claimsProfile(_ value: JSONValue?, _ path: ByteString) -> ClaimsProfile? {
        guard let text = text(value, path) else { return nil }
        if let profile = ClaimsProfile(rawValue: text.string) { return profile }
        note(path, "must be github or gitlab")
        return nil
    }

    private mutating func additionalClaims(_ value: JSONValue?, _ path: ByteString) -> [ClaimTemplate] {
        guard let value else { return [] }
        var claims: [ClaimTemplate] = []
        for member in object(value, path, nil).members {
            let path = path + "." + member.name
            guard let text = text(member.value, path) else { continue }
            do throws(ClaimTemplate.Invalid) {
                claims.append(try ClaimTemplate(name: member.name, value: text))
            } catch {
                note(path, error.explanation)
            }
        }
        if claims.count > 16 { note(path, "are too many; at most 16") }
        return claims
    }

    private mutating func facts(_ value: JSONValue?, _ path: ByteString) -> [FactName] {
        texts(value, path).compactMap { text in
            if let fact = FactName(rawValue: text.string) { return fact }
            note(path, "names " + text + ", which is no fact of a job")
            return nil
        }
    }

    private mutating func subjectClaims(_ value: JSONValue?, _ path: ByteString) -> [FactName] {
        let facts = facts(value, path)
        for fact in facts where !SubjectForm.claims.contains(fact) {
            note(
                path,
                "names " + fact.claimName + "; only repository, repository_id and workflow_ref say the repository"
            )
        }
        return facts
    }

    private mutating func count(_ value: JSONValue?, _ path: ByteString) -> Int? {
        guard let text = text(value, path) else { return nil }
        if text.bytes.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text.string),
            (1...1000).contains(count)
        {
            return count
        }
        note(path, "must be a number from 1 to 1000")
        return nil
    }

    // MARK: - Audiences and environments

    mutating func profiles(_ top: JSONObject) -> [ByteString: AudienceProfile] {
        guard let value = top["audiences"] else { return [:] }
        var profiles: [ByteString: AudienceProfile] = [:]
        for member in object(value, "audiences", nil).members {
            let path = "audiences." + member.name
            let name = text(object(member.value, path, ["profile"])["profile"], path + ".profile")
            if let profile = name.flatMap(AudienceProfile.named) {
                profiles[member.name] = profile
            } else {
                let known = AudienceProfile.known.map(\.name.string).joined(separator: ", ")
                note(path + ".profile", ByteString("must be one of " + known))
            }
        }
        return profiles
    }

    mutating func environments(_ top: JSONObject) -> [ByteString: EnvironmentRule] {
        guard let value = top["environments"] else { return [:] }
        var environments: [ByteString: EnvironmentRule] = [:]
        for member in object(value, "environments", nil).members {
            let path = "environments." + member.name
            let members =
                member.value == .null ? JSONObject() : object(member.value, path, ["refs", "approvers", "wait"])
            environments[member.name] = EnvironmentRule(
                refs: members["refs"].map { patterns($0, path + ".refs") },
                approvers: texts(members["approvers"], path + ".approvers"),
                wait: seconds(members["wait"], path + ".wait") ?? 0
            )
        }
        return environments
    }

    // MARK: - Values

    private mutating func note(_ path: ByteString, _ explanation: ByteString) {
        problems.append(PolicyProblem(path, explanation))
    }

    /// Nil as `members` lets any name stand.
    private mutating func object(_ value: JSONValue, _ path: ByteString, _ members: Set<ByteString>?) -> JSONObject {
        guard case .object(let object) = value else {
            note(path, "must be a mapping")
            return JSONObject()
        }
        if let members {
            for member in object.members where !members.contains(member.name) {
                note(path.isEmpty ? member.name : path + "." + member.name, "is not known; check its spelling")
            }
        }
        return object
    }

    private mutating func array(_ value: JSONValue?, _ path: ByteString) -> [JSONValue]? {
        guard let value else { return nil }
        if case .array(let values) = value { return values }
        note(path, "must be a list")
        return []
    }

    private mutating func text(_ value: JSONValue?, _ path: ByteString) -> ByteString? {
        guard let value else { return nil }
        if case .string(let text) = value { return text }
        note(path, "must be one value")
        return nil
    }

    /// One text, or a list of some.
    private mutating func texts(_ value: JSONValue?, _ path: ByteString) -> [ByteString] {
        switch value {
        case nil: return []
        case .string(let text)?: return [text]
        case .array(let values)?:
            let texts = values.compactMap(\.stringValue)
            if texts.isEmpty || texts.count < values.count { note(path, "must be a value, or a list of values") }
            return texts
        default:
            note(path, "must be a value, or a list of values")
            return []
        }
    }

    private mutating func patterns(_ value: JSONValue?, _ path: ByteString) -> [Pattern] {
        texts(value, path).compactMap { text in
            if !text.isEmpty, text.count <= 1024, text.bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
                return Pattern(text)
            }
            note(path, "holds an empty value or a control character; write null for a fact that must be absent")
            return nil
        }
    }

    private mutating func seconds(_ value: JSONValue?, _ path: ByteString) -> Int64? {
        guard let text = text(value, path) else { return nil }
        if let duration = Duration(configured: text.string) { return duration.components.seconds }
        note(path, "must be a time as 90s, 15m or 2h")
        return nil
    }

    private static func isName(_ name: ByteString) -> Bool {
        (1...64).contains(name.count) && name.bytes.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
