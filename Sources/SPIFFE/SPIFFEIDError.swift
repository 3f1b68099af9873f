/// Why a text is no SPIFFE ID (SPIFFE-ID §2).
package enum SPIFFEIDError: Error, Hashable, Sendable {
    /// It does not begin with `spiffe://`.
    case schemeInvalid
    /// The trust domain is empty, longer than 255 bytes, or has a byte outside `a-z0-9.-_`, a port or a user.
    case trustDomainInvalid
    /// A segment of the path is empty, `.` or `..`, has a byte outside `A-Za-z0-9.-_`, or a slash ends the path.
    case pathInvalid
    /// It is longer than 2048 bytes.
    case tooLong
}
