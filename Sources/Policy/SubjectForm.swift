package import JOSE

/// How the subject (`sub`) of a job is written: locally unique, never reassigned, at most 255 ASCII bytes (OpenID
/// Connect Core §2).
///
/// ```abnf
/// subject   = "repo:" repo ":" ( "environment:" value / "pull_request" / "ref:" value )
///           / "project_path:" value ":" ( "pull_request" / "ref_type:" value ":ref:" value )   ; gitlab
///           / fact ":" value                     ; one that a rule lets a request choose
///           / word ":" ...                     ; a template's, with a word of its own
/// repo      = value                     ; default; "@" is %40 in a name that would read as the immutable form
///           / value "@" id "/" value "@" id      ; immutable
/// id        = 1*( ALPHA / DIGIT / "_" / "-" )
/// value     = 1*( VCHAR-but-%-and-: / "%" 2HEXDIG )
/// ```
package enum SubjectForm: Hashable, Sendable {
    /// `repo:acme/widgets:ref:refs/heads/main`
    case byName
    /// `repo:acme@7/widgets@42:ref:refs/heads/main`: a name that is given to another repository gets another subject.
    case immutable
    /// `project_path:acme/widgets:ref_type:branch:ref:main`
    case gitLab
    case template(SubjectTemplate)
    /// `repository_id:42`: one fact that a rule lets a request choose.
    case claim(FactName)

    /// Facts that say the repository: the only ones that can be a whole subject.
    package static let claims: [FactName] = [.repository, .repositoryID, .workflowRef]
    package static let maximumLength = 255
    static let builtInFirstWords = Set(["repo", "project_path"] + claims.map(\.claimName))

    /// Reads `default`, `immutable`, `gitlab` or a template.
    package init(_ text: ByteString) throws(TemplateError) {
        switch text {
        case "default": self = .byName
        case "immutable": self = .immutable
        case "gitlab": self = .gitLab
        default: self = .template(try SubjectTemplate(text))
        }
    }

    /// The subject, of at most `limit` bytes.
    package func subject(of job: JobDescription, limit: Int = maximumLength) throws(Denial) -> ByteString {
        let subject =
            switch self {
            case .byName: "repo:" + namedRepository(job) + ":" + context(job)
            case .immutable: try "repo:" + immutableRepository(job) + ":" + context(job)
            case .gitLab: try gitLabSubject(job)
            case .template(let template): try template.subject(of: job)
            case .claim(let fact): try claim(fact, job)
            }
        guard subject.count <= min(limit, Self.maximumLength) else { throw .subjectTooLong }
        return subject
    }

    /// A name that reads as the immutable form of another repository has its `@` escaped, so that an issuer may write
    /// both forms.
    private func namedRepository(_ job: JobDescription) -> ByteString {
        let segments = job.repository.name.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isLikeImmutable = segments.count == 2 && segments.allSatisfy(\.isLikeNameWithID)
        let reserved = isLikeImmutable ? ":@" : ":"
        return PercentEncoding.encode(job.repository.name, reserved: Array(reserved.utf8))
    }

    private func immutableRepository(_ job: JobDescription) throws(Denial) -> ByteString {
        let owner = PercentEncoding.encode(job.repository.owner, reserved: Self.structural)
        let path = PercentEncoding.encode(job.repository.path, reserved: Self.structural)
        return try owner + "@" + id(.repositoryOwnerID, job) + "/" + path + "@" + id(.repositoryID, job)
    }

    /// A fork has neither the subject of an environment nor that of a ref.
    private func context(_ job: JobDescription) -> ByteString {
        if let environment = job[.environment], !job.isFork { return "environment:" + Template.escaped(environment) }
        if job.isPullRequest || job.isFork { return "pull_request" }
        return "ref:" + Template.escaped(job[.ref] ?? "")
    }

    private func gitLabSubject(_ job: JobDescription) throws(Denial) -> ByteString {
        let project = "project_path:" + Template.escaped(job.repository.name)
        if job.isPullRequest || job.isFork { return project + ":pull_request" }
        guard let ref = GitLabClaims.ref(of: job) else { throw .attributeMissing(.fact(.ref)) }
        return project + ":ref_type:" + Template.escaped(ref.type) + ":ref:" + Template.escaped(ref.name)
    }

    private func claim(_ fact: FactName, _ job: JobDescription) throws(Denial) -> ByteString {
        guard !job.isFork, !(fact == .workflowRef && job.isPullRequest) else {
            throw .subjectUnavailable(.fact(fact))
        }
        guard let value = job[.fact(fact)] else { throw .attributeMissing(.fact(fact)) }
        return fact.claimName + ":" + Template.escaped(value)
    }

    private func id(_ name: FactName, _ job: JobDescription) throws(Denial) -> ByteString {
        guard let id = job[name], !id.isEmpty, id.bytes.allSatisfy(\.isIDByte) else { throw .idMissing(name) }
        return id
    }

    private static let structural = Array(":@/".utf8)
}

extension ArraySlice<UInt8> {
    /// As `acme@7`.
    fileprivate var isLikeNameWithID: Bool {
        let parts = split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[1].isEmpty && parts[1].allSatisfy(\.isIDByte)
    }
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
