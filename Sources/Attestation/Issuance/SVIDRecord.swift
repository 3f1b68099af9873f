package import JOSE
package import Keys
package import SPIFFE

/// What is written down of one SVID before it leaves.
package struct SVIDRecord: Sendable {
    /// Which of the two forms it has.
    package enum Form: String, Hashable, Sendable {
        case x509
        case jwt
    }

    package let at: NumericDate
    package let form: Form
    package let id: SPIFFEID
    /// For whom a JWT-SVID is; empty for an X.509-SVID.
    package let audiences: [ByteString]
    /// `jti` of a JWT-SVID, or an X.509-SVID's serial number in hexadecimal.
    package let serial: ByteString
    /// The key that signed it.
    package let kid: ByteString
    package let expiresAt: NumericDate
    /// Whose evidence it was given for: `iss`, `sub` and `jti`, as far as it had them.
    package let evidence: EvidenceName

    package init(
        at: NumericDate,
        form: Form,
        id: SPIFFEID,
        audiences: [ByteString] = [],
        serial: ByteString,
        kid: ByteString,
        expiresAt: NumericDate,
        evidence: EvidenceName
    ) {
        self.at = at
        self.form = form
        self.id = id
        self.audiences = audiences
        self.serial = serial
        self.kid = kid
        self.expiresAt = expiresAt
        self.evidence = evidence
    }
}
