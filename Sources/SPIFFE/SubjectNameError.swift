/// Why a text names no subject (RFC 4514).
package enum SubjectNameError: Error, Hashable, Sendable {
    /// Longer than ``SubjectName/maximumBytes``, or of more than ``SubjectName/maximumAttributes``.
    case tooLong
    /// An attribute has no `=`, or nothing before it.
    case malformed
    /// None of CN, L, ST, O, OU, C, STREET, DC and UID.
    case unknownAttribute
    /// Empty, too long, no UTF-8, a control character, or no two letters for C.
    case valueInvalid
    /// A character that must be escaped is not, or a backslash escapes nothing.
    case escapeInvalid
}
