package import JOSE

/// Why a template is refused when it is loaded.
package enum TemplateError: Error, Hashable, Sendable {
    case malformed
    case unknownAttribute(ByteString)
    /// There is nothing of the job in it.
    case isStatic
    /// Two values meet without a `:` between them, so that different values could render alike.
    case valuesNotSeparated
    case literalInvalid
    /// A subject must say the repository, or its id.
    case repositoryMissing
    /// A subject begins with a word and `:`.
    case firstSegmentMissing
    /// The word is that of another form of subject.
    case firstSegmentTaken(ByteString)
    /// However short the values are, the subject has more than 255 bytes.
    case tooLong

    /// What is wrong, and what to write instead.
    package var explanation: ByteString {
        switch self {
        case .malformed: "is no template; write attributes as {{repository}}"
        case .unknownAttribute(let name): "names " + name + ", which no job has; use the name of a fact, or runner"
        case .isStatic: "is the same for every job; name an attribute, as {{repository}}"
        case .valuesNotSeparated: "lets two values meet; put a : between them"
        case .literalInvalid: "may hold letters, digits and - _ . / @ : + = , ~ beside its attributes"
        case .repositoryMissing: "must name {{repository}} or {{repository_id}}"
        case .firstSegmentMissing: "must begin with a word of its own and a colon, as deploy:{{repository}}"
        case .firstSegmentTaken(let word):
            "begins with " + word + ":, as another form of subject does; take another word"
        case .tooLong: "is longer than the 255 bytes that a subject may have"
        }
    }
}
