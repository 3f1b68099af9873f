package import JOSE

/// How the subject (`sub`) of a job is written: locally unique, never reassigned, at most 255 ASCII bytes (OpenID
/// Connect Core §2).
///
/// ```abnf
/// subject   = "repo:" repo ":" ( "environment:" value / "pull_request" / "ref:" value )
/// repo      = value                              ; default
///           / value "@" id "/" value "@" id      ; immutable
/// id        = 1*( ALPHA / DIGIT / "_" / "-" )
/// value     = 1*( VCHAR-but-%-and-: / "%" 2HEXDIG )
/// ```
package enum SubjectForm: String, Hashable, Sendable, CaseIterable {
    /// `repo:acme/widgets:ref:refs/heads/main`
    case byName = "default"
    /// `repo:acme@7/widgets@42:ref:refs/heads/main`: a name that is given to another repository gets another subject.
    case immutable

    package static let maximumLength = 255

    package func subject(of facts: JobFacts) throws(Refusal) -> ByteString {
        let subject = try "repo:" + repository(facts) + ":" + context(facts)
        guard subject.count <= Self.maximumLength else { throw Refusal(.subjectTooLong) }
        return subject
    }

    private func repository(_ facts: JobFacts) throws(Refusal) -> ByteString {
        let name = facts.repository
        guard self == .immutable else { return PercentEncoding.encode(name.name, reserved: Self.colon) }
        let owner = PercentEncoding.encode(name.owner, reserved: Self.structural)
        let path = PercentEncoding.encode(name.path, reserved: Self.structural)
        return try owner + "@" + id(.repositoryOwnerID, facts) + "/" + path + "@" + id(.repositoryID, facts)
    }

    /// A fork has neither the subject of an environment nor that of a ref.
    private func context(_ facts: JobFacts) -> ByteString {
        if let environment = facts[.environment], !facts.isFork {
            return "environment:" + PercentEncoding.encode(environment, reserved: Self.colon)
        }
        if facts.isPullRequest || facts.isFork { return "pull_request" }
        return "ref:" + PercentEncoding.encode(facts[.ref] ?? "", reserved: Self.colon)
    }

    private func id(_ name: FactName, _ facts: JobFacts) throws(Refusal) -> ByteString {
        guard let id = facts[name], id.bytes.allSatisfy(\.isIDByte) else { throw Refusal(.immutableIDMissing, name) }
        return id
    }

    private static let colon = Array(":".utf8)
    private static let structural = Array(":@/".utf8)
}

extension UInt8 {
    fileprivate var isIDByte: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
