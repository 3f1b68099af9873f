package import JOSE

/// The serial number of a certificate, as the audit log and people name it.
package struct CertificateSerial: Hashable, Sendable {
    /// Big-endian, as in the certificate.
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Upper-case hexadecimal, two digits a byte, as `openssl x509 -serial` prints it.
    package var text: ByteString {
        let digits = Array("0123456789ABCDEF".utf8)
        return ByteString(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
