package import JOSE
package import Keys
package import SPIFFE

/// What is written down of one SVID before it leaves.
package struct SVIDRecord: Sendable {
    package let at: NumericDate
    package let kind: SVIDKind
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
    /// Which process asked, as the kernel says.
    package let peer: Peer?

    package init(
        at: NumericDate,
        kind: SVIDKind,
        id: SPIFFEID,
        audiences: [ByteString] = [],
        serial: ByteString,
        kid: ByteString,
        expiresAt: NumericDate,
        evidence: EvidenceName,
        peer: Peer? = nil
    ) {
        self.at = at
        self.kind = kind
        self.id = id
        self.audiences = audiences
        self.serial = serial
        self.kid = kid
        self.expiresAt = expiresAt
        self.evidence = evidence
        self.peer = peer
    }
}

extension SVIDRecord {
    init(of svid: X509SVID, signedBy kid: ByteString, for workload: AttestedWorkload, at now: NumericDate) {
        self.init(
            at: now,
            kind: .x509,
            id: svid.id,
            serial: svid.serial,
            kid: kid,
            expiresAt: svid.expiresAt,
            evidence: EvidenceName(workload.claims),
            peer: workload.peer
        )
    }

    init(
        of svid: JWTSVID,
        jti: ByteString,
        audiences: [ByteString],
        signedBy kid: ByteString,
        for workload: AttestedWorkload,
        at now: NumericDate
    ) {
        self.init(
            at: now,
            kind: .jwt,
            id: svid.id,
            audiences: audiences,
            serial: jti,
            kid: kid,
            expiresAt: svid.expiresAt,
            evidence: EvidenceName(workload.claims),
            peer: workload.peer
        )
    }
}
