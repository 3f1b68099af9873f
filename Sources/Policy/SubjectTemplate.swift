package import JOSE

/// A subject of an operator's own making: `deploy:{{repository_id}}:{{environment}}`.
///
/// Different values never render alike, and no other form of subject begins with its first word.
package struct SubjectTemplate: Hashable, Sendable {
    private let template: Template

    package init(_ text: ByteString) throws(TemplateError) {
        template = try Template(text)
        guard template.attributes.contains(.fact(.repository)) || template.attributes.contains(.fact(.repositoryID))
        else { throw .repositoryMissing }
        guard let word = Self.firstWord(template) else { throw .firstSegmentMissing }
        guard !SubjectForm.builtInFirstWords.contains(word) else { throw .firstSegmentTaken(word) }
        firstWord = word
        guard shortestLength <= SubjectForm.maximumLength else { throw .tooLong }
    }

    package var text: ByteString { template.text }

    /// What stands before the first `:`.
    package let firstWord: ByteString

    /// The length with values of one byte each.
    var shortestLength: Int {
        template.parts.reduce(0) { length, part in
            if case .literal(let literal) = part { length + literal.count } else { length + 1 }
        }
    }

    /// What speaks for the base repository's own code.
    private static let notForPullRequests: Set<Attribute> = [.fact(.ref), .fact(.workflowRef)]
    private static let notForForks: Set<Attribute> = [
        .fact(.ref), .fact(.environment), .fact(.baseRef), .fact(.workflowRef), .fact(.jobWorkflowRef),
    ]

    /// A merge request never has the ref in its subject; a fork neither that nor an environment, and it says where its
    /// code comes from.
    func subject(of job: JobDescription) throws(Denial) -> ByteString {
        let foreign = job.isFork ? Self.notForForks : job.isPullRequest ? Self.notForPullRequests : []
        if let attribute = template.attributes.first(where: foreign.contains) { throw .subjectUnavailable(attribute) }
        if job.isFork, !template.attributes.contains(.fact(.headRepositoryID)) {
            throw .subjectUnavailable(.fact(.headRepositoryID))
        }
        return try template.rendered(for: job, Template.escaped)
    }

    private static func firstWord(_ template: Template) -> ByteString? {
        guard case .literal(let literal)? = template.parts.first else { return nil }
        let word = literal.bytes.prefix { $0 != UInt8(ascii: ":") }
        return word.isEmpty || word.count == literal.bytes.count ? nil : ByteString(word)
    }
}
