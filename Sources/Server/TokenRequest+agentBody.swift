import Issuer
import JOSE
import Policy

extension TokenRequest {
    private static let members: Set<ByteString> = [
        "audience", "lifetime", "claims", "aws_session_tags", "subject_claim",
    ]

    /// At most this many names in one list.
    private static let maximumNames = 64

    /// Reads what Buildkite's agent sends to `…/oidc/tokens`: strict JSON, all members optional but `audience`.
    ///
    /// Its names of claims ask for what the token has anyway; none of the members holds a value of a claim.
    init(agentBody body: [UInt8]) throws(Refusal) {
        let object = try JSONBody.object(body)
        try object.refuseMembers(beyond: Self.members)
        guard let audience = try object.text("audience") else { throw Refusal(.audienceMissing, "audience") }
        // The agent means the issuer's default with 0.
        let lifetime = try object.integer("lifetime", in: 0...86_400) ?? 0
        var tags: [FactName] = []
        for name in try Self.names(object, "aws_session_tags") {
            tags.append(try Self.fact(name, otherwise: .claimNotAvailable))
        }
        let subject = try object.text("subject_claim")
        self.init(
            audiences: try Audiences([audience]),
            lifetime: lifetime == 0 ? nil : lifetime,
            requiredClaims: try Self.names(object, "claims"),
            sessionTags: tags,
            subjectClaim: try subject.map { name throws(Refusal) in
                try Self.fact(name, otherwise: .subjectClaimNotAllowed)
            }
        )
    }

    private static func names(_ object: JSONObject, _ member: ByteString) throws(Refusal) -> [ByteString] {
        guard let value = object[member] else { return [] }
        guard case .array(let values) = value else { throw Refusal(.wrongType, member) }
        guard values.count <= maximumNames else { throw Refusal(.tooMany, member) }
        var names: [ByteString] = []
        for value in values {
            guard case .string(let name) = value else { throw Refusal(.wrongType, member) }
            names.append(name)
        }
        return names
    }

    private static func fact(_ name: ByteString, otherwise reason: RefusalReason) throws(Refusal) -> FactName {
        guard let fact = FactName.allCases.first(where: { $0.claimName == name }) else { throw Refusal(reason, name) }
        return fact
    }
}
