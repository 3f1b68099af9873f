/// The certificate of a key that signs certificates: self-signed, and what verifiers trust.
package struct KeyCertificate: Hashable, Sendable {
    /// X.509 in DER.
    package let der: [UInt8]
    /// The certificate's `notAfter`: nothing that the key signs is good for longer.
    package let expiresAt: NumericDate

    package init(der: [UInt8], expiresAt: NumericDate) {
        self.der = der
        self.expiresAt = expiresAt
    }
}
