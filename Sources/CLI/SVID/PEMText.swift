import Foundation

/// DER as text between two lines that name it (RFC 7468).
enum PEMText {
    static func certificates(_ certificates: [[UInt8]]) -> [UInt8] {
        certificates.flatMap { text($0, "CERTIFICATE") }
    }

    /// A private key in PKCS#8, not encrypted (RFC 7468 §10).
    static func privateKey(_ key: [UInt8]) -> [UInt8] {
        text(key, "PRIVATE KEY")
    }

    private static func text(_ der: [UInt8], _ label: String) -> [UInt8] {
        let encoded = Data(der).base64EncodedData(options: [.lineLength64Characters, .endLineWithLineFeed])
        return Array("-----BEGIN \(label)-----\n".utf8) + encoded + Array("\n-----END \(label)-----\n".utf8)
    }
}
