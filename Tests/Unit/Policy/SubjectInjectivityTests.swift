// Different jobs never share a subject, in one form or across forms (threats B03–B06, B08, B11, B12).

import Foundation
import JOSE
import Policy
import TestSupport
import Testing

@Suite struct SubjectInjectivityTests {
    private static let templates = [
        "deploy:{{repository_id}}:{{environment}}", "by-ref:{{repository}}:{{ref}}",
        "w:{{workflow}}:of:{{repository}}:x",
        "p:a{{job}}z:{{repository}}@1", "one:{{repository}}", "run:{{runner}}:on:{{repository_id}}:{{ref}}/tail",
        "twice:{{repository}}:{{repository}}:{{workflow}}",
    ]

    /// Subjects in all parts together: `make subjects` asks for a million.
    private static let subjects =
        ProcessInfo.processInfo.environment["JOBSWORTH_SUBJECTS"].flatMap(Int.init) ?? 65_000
    private static let parts = 8

    private static let forms: [SubjectForm] =
        [.byName, .immutable, .gitLab] + SubjectForm.claims.map { .claim($0) }

    /// What the subject of a job in one of the forms must say.
    private static func meaning(of job: JobDescription, _ form: SubjectForm) -> SubjectMeaning? {
        switch form {
        case .byName: meaning("default", [job.repository.name], context(of: job))
        case .immutable: meaning("immutable", identity(of: job), context(of: job))
        case .gitLab: meaning("gitlab", [job.repository.name], gitLabContext(of: job))
        case .claim(let fact): meaning(fact.rawValue, [job[fact] ?? ""], [])
        case .template(let template):
            SubjectMeaning(form: template.text.string, values: values(template.text.string, job))
        }
    }

    @Test(arguments: 0..<parts)
    func `hostile jobs have subjects of their own in every form, which parse back`(part: Int) throws {
        let forms = try Self.forms + Self.templates.map { try SubjectForm(ByteString($0)) }
        var source = RandomJobs(seed: UInt64(part) + 1)
        var seen: [ByteString: SubjectMeaning] = [:]
        var refused = 0
        let jobs = Self.subjects / Self.parts / forms.count
        for _ in 0..<jobs {
            let job = source.next()
            for form in forms { Self.check(form, job, &seen, &refused) }
        }
        // Long ones, refs that GitLab's form has no type for, merge requests where a template says the ref.
        #expect(refused < jobs * 5)
        #expect(seen.count > jobs * 6)
    }

    private static func check(
        _ form: SubjectForm,
        _ job: JobDescription,
        _ seen: inout [ByteString: SubjectMeaning],
        _ refused: inout Int
    ) {
        guard let subject = try? form.subject(of: job) else {
            refused += 1
            return
        }
        let meaning = meaning(of: job, form)
        if subject.count > 255 { Issue.record("\(subject) is too long") }
        if SubjectMeaning.read(subject, templates: templates) != meaning { Issue.record("\(subject) of \(job)") }
        if let other = seen.updateValue(meaning ?? SubjectMeaning(form: "none", values: []), forKey: subject),
            other != meaning
        {
            Issue.record("\(subject) is that of two jobs")
        }
    }

    // What a name that reads as another form would make.
    @Test func `a repository that is called as an immutable one is written otherwise`() throws {
        let hostile = Samples.job([.repository: "acme@7/widgets@42"])
        let one = try SubjectForm.byName.subject(of: hostile)
        let other = try SubjectForm.immutable.subject(of: Samples.job())
        #expect(one == "repo:acme%407/widgets%4042:ref:refs/heads/main")
        #expect(other == "repo:acme@7/widgets@42:ref:refs/heads/main")
        // Any other `@` stands as it is.
        let usual = Samples.job([.repository: "acme/widgets@42"])
        #expect(try SubjectForm.byName.subject(of: usual) == "repo:acme/widgets@42:ref:refs/heads/main")
    }

    private static func meaning(_ form: String, _ values: [ByteString], _ rest: [ByteString]?) -> SubjectMeaning? {
        rest.map { SubjectMeaning(form: form, values: values + $0) }
    }

    private static func identity(of job: JobDescription) -> [ByteString] {
        [job.repository.owner, job[.repositoryOwnerID] ?? "", job.repository.path, job[.repositoryID] ?? ""]
    }

    private static func context(of job: JobDescription) -> [ByteString] {
        if let environment = job[.environment] { return ["environment", environment] }
        return job.isPullRequest ? ["pull_request"] : ["ref", job[.ref] ?? ""]
    }

    private static func gitLabContext(of job: JobDescription) -> [ByteString]? {
        if job.isPullRequest { return [] }
        for (type, prefix) in [("branch", "refs/heads/"), ("tag", "refs/tags/")] as [(ByteString, ByteString)]
        where job[.ref]?.hasPrefix(prefix) == true {
            return [type, ByteString((job[.ref] ?? "").bytes.dropFirst(prefix.count))]
        }
        return nil
    }

    private static func values(_ template: String, _ job: JobDescription) -> [ByteString] {
        template.split(separator: "{{").dropFirst().map { rest in
            let name = String(rest.prefix { $0 != "}" })
            return name == "runner" ? job.runner : FactName(rawValue: name).flatMap { job[$0] } ?? ""
        }
    }
}
