import JOSE
import SPIFFE

/// Names of SPIFFE on the command line.
enum SPIFFEIDArgument {
    static func id(_ text: String) throws -> SPIFFEID {
        do {
            return try SPIFFEID(parsing: ByteString(text))
        } catch {
            throw CommandFailure.wrongUsage("--spiffe-id must be a SPIFFE ID, as spiffe://example.org/ci/widgets")
        }
    }

    /// A trust domain by its name or its own ID.
    static func trustDomain(_ text: String) throws -> TrustDomain {
        let name = ByteString(text)
        do {
            return try name.hasPrefix("spiffe://") ? SPIFFEID(parsing: name).trustDomain : TrustDomain(name)
        } catch {
            throw CommandFailure.wrongUsage("--trust-domain must be a trust domain, as example.org")
        }
    }
}
