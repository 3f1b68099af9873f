package import JOSE

/// What an audit record says of an SVID besides what it says of a token.
package struct AuditedSVID: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case x509
        case jwt
    }

    package let kind: Kind
    /// The certificate's serial number in upper-case hexadecimal; of an X.509-SVID that was issued.
    package let serial: ByteString?
    /// `iss`, `sub` and `jti` of the evidence, as far as it has them.
    package let evidenceIssuer: ByteString?
    package let evidenceSubject: ByteString?
    package let evidenceID: ByteString?
    /// The process that asked, as the kernel says.
    package let peerPID: Int32?

    package init(
        _ kind: Kind,
        serial: ByteString? = nil,
        evidenceIssuer: ByteString? = nil,
        evidenceSubject: ByteString? = nil,
        evidenceID: ByteString? = nil,
        peerPID: Int32? = nil
    ) {
        self.kind = kind
        self.serial = serial
        self.evidenceIssuer = evidenceIssuer
        self.evidenceSubject = evidenceSubject
        self.evidenceID = evidenceID
        self.peerPID = peerPID
    }

    /// The same of an SVID that was not released.
    var withheld: AuditedSVID {
        AuditedSVID(
            kind,
            evidenceIssuer: evidenceIssuer,
            evidenceSubject: evidenceSubject,
            evidenceID: evidenceID,
            peerPID: peerPID
        )
    }

    func write(to object: inout JSONObject) {
        object["svid"] = .string(ByteString(kind.rawValue))
        object["serial"] = serial.map { .string($0) }
        var evidence = JSONObject()
        evidence["iss"] = evidenceIssuer.map { .string($0) }
        evidence["sub"] = evidenceSubject.map { .string($0) }
        evidence["jti"] = evidenceID.map { .string($0) }
        object["evidence"] = evidence.members.isEmpty ? nil : .object(evidence)
        object["peer_pid"] = peerPID.map { .integer(Int64($0)) }
    }
}
