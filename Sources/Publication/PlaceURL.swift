package import Discovery
package import JOSE

/// The URL below which a place is written or read: https, or http on this machine.
package struct PlaceURL: Hashable, Sendable {
    private let identifier: IssuerIdentifier

    /// The same rules as for an issuer, save that a slash at the end is taken away.
    package init(_ text: ByteString) throws(IssuerIdentifierError) {
        identifier = try IssuerIdentifier(text.hasSuffix("/") ? ByteString(text.bytes.dropLast()) : text)
    }

    /// The URL without a slash at its end.
    package var text: String { identifier.value.string }

    /// The path without a slash at its end; empty for a bare origin.
    var path: String { identifier.path.string }

    /// Host and port as the `Host` header has them.
    var authority: String {
        String(text.dropFirst(identifier.origin.scheme.count + 3).prefix { $0 != "/" })
    }

    func url(of path: ByteString) -> String {
        text + "/" + path.string
    }
}
