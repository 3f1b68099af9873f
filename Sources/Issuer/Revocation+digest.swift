import JOSE
package import Keys

extension Revocation {
    /// The credential as the ledger names it: its digest in base64url.
    package init(of digest: CredentialDigest) {
        self = .credential(ByteString(Base64URL.encode(digest.bytes)))
    }
}
