package import JOSE
package import Keys

/// An X.509-SVID with its private key: what a workload proves itself with (X509-SVID).
package struct X509SVID: Sendable {
    package let id: SPIFFEID
    /// DER, the leaf first, then its intermediates; not the CA of the bundle.
    package let chain: [[UInt8]]
    /// PKCS#8 in DER, not encrypted: it goes to the workload and nowhere else.
    package let privateKey: [UInt8]
    /// The authority that signed it, in DER; empty where that is not known.
    package let authority: [UInt8]
    /// The leaf's `notBefore`.
    package let validFrom: NumericDate
    /// The leaf's `notAfter`.
    package let expiresAt: NumericDate
    /// The leaf's serial number in upper-case hexadecimal, for the audit log; empty where it was not made here.
    package let serial: ByteString

    package init(
        id: SPIFFEID,
        chain: [[UInt8]],
        privateKey: [UInt8],
        validFrom: NumericDate,
        expiresAt: NumericDate,
        serial: ByteString = "",
        authority: [UInt8] = []
    ) {
        self.id = id
        self.chain = chain
        self.privateKey = privateKey
        self.validFrom = validFrom
        self.expiresAt = expiresAt
        self.serial = serial
        self.authority = authority
    }
}

extension X509SVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
