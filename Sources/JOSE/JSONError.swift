// Why a text was not read.

/// Why bytes were refused as JSON.
///
/// Nothing of a refused text is kept.
package enum JSONError: Error, Hashable, Sendable {
    /// More bytes than ``JSONReader/Limits/maximumBytes``.
    case tooLarge

    /// Arrays and objects nested deeper than ``JSONReader/Limits/maximumDepth``.
    case tooDeep

    /// An object with more members than ``JSONReader/Limits/maximumMembers``.
    case tooManyMembers

    /// An array with more elements than ``JSONReader/Limits/maximumElements``.
    case tooManyElements

    /// An object has this name twice, possibly spelled with different escapes (RFC 8259 §4, RFC 7515 §4).
    case duplicateMember(ByteString)

    /// Not JSON in UTF-8 (RFC 8259): the first byte, counted from 0, that cannot be right where it is.
    case malformed(offset: Int)
}
