import Discovery
import JOSE

/// The rules of the URLs that an operator names: `issuer` and `jwksURI`.
enum IssuerAddress {
    /// What is wrong with the URL, or nil.
    ///
    /// Unlike our own, a foreign issuer may end in a slash: it is compared byte for byte, as its tokens have it.
    static func problem(with url: ByteString, mayHaveQuery: Bool) -> ByteString? {
        guard let split = URLOrigin.split(url), url.bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "must be an absolute URL such as https://ci.example.org"
        }
        guard split.origin.scheme == "https" || (split.origin.scheme == "http" && split.origin.isLoopback) else {
            return "must begin with https:// (http:// only on 127.0.0.1, [::1] and localhost)"
        }
        guard !split.hasUserinfo, split.isPlain, split.rest.isEmpty || split.rest.hasPrefix("/") else {
            return "must have its host in lower case, no user and no default port"
        }
        let refused = mayHaveQuery ? "#\\{}<>\"^`|" : "?#\\{}<>\"^`|%"
        guard !split.rest.bytes.contains(where: { refused.utf8.contains($0) }) else {
            return mayHaveQuery ? "must have no fragment" : "must have neither query nor fragment, and a plain path"
        }
        return nil
    }
}
