package import JOSE
import SwiftASN1
import X509

/// The name of a certificate's subject, as `O=Acme Corp,OU=Engineering` (RFC 4514).
///
/// As that standard says, the last attribute of the text is the first of the certificate: what prints names by RFC 4514
/// prints the text again.
package struct SubjectName: Hashable, Sendable {
    package static let maximumBytes = 1024
    package static let maximumAttributes = 16
    /// The most characters of a value (RFC 5280 Appendix A, `ub-organization-name` and its like).
    private static let maximumCharacters = 64

    let name: DistinguishedName

    /// Reads a name; spaces between attributes are skipped, as older versions of the standard allow them.
    ///
    /// Attributes are told by their short names alone, in any case of letters; values in hexadecimal (`#04…`) and object
    /// identifiers are not read.
    package init(parsing text: ByteString) throws(SubjectNameError) {
        guard text.count <= Self.maximumBytes else { throw .tooLong }
        var scanner = SubjectNameScanner(text.bytes)
        var names: [RelativeDistinguishedName] = []
        var attributes: [RelativeDistinguishedName.Attribute] = []
        var count = 0
        while let (pair, separator) = try scanner.next() {
            count += 1
            guard count <= Self.maximumAttributes else { throw .tooLong }
            attributes.append(try Self.attribute(pair.type, pair.value))
            guard separator != UInt8(ascii: "+") else { continue }
            names.append(RelativeDistinguishedName(attributes))
            attributes = []
        }
        name = DistinguishedName(names.reversed())
    }

    /// `O=` and the trust domain: what a certificate is named when the policy does not say.
    ///
    /// It is the same for all workloads, so that nobody takes it for an identity, and claims no country. Without any
    /// subject the SPIFFE ID would have to be in a critical extension (X509-SVID §3.1), which some clients refuse.
    init(_ trustDomain: TrustDomain) {
        name = Self.organization(of: trustDomain)
    }

    /// An organisation's name has at most 64 characters.
    static func organization(of trustDomain: TrustDomain) -> DistinguishedName {
        let text = ByteString(trustDomain.name.bytes.prefix(maximumCharacters)).string
        return DistinguishedName([
            RelativeDistinguishedName(
                RelativeDistinguishedName.Attribute(type: .RDNAttributeType.organizationName, utf8String: text)
            )
        ])
    }

    private static func attribute(
        _ type: [UInt8],
        _ value: [UInt8]
    ) throws(SubjectNameError) -> RelativeDistinguishedName.Attribute {
        let name = ByteString(type.map { (0x61...0x7A).contains($0) ? $0 & 0xDF : $0 })
        guard let identifier = identifier(name) else { throw .unknownAttribute }
        guard let text = String(validating: value, as: UTF8.self),
            (1...maximumCharacters).contains(text.unicodeScalars.count),
            !value.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else { throw .valueInvalid }
        switch name {
        case "C":
            guard value.count == 2, value.allSatisfy(isLetter),
                let attribute = try? RelativeDistinguishedName.Attribute(type: identifier, printableString: text)
            else { throw .valueInvalid }
            return attribute
        case "DC":
            guard value.allSatisfy({ $0 < 0x80 }),
                let attribute = try? RelativeDistinguishedName.Attribute(type: identifier, ia5String: text)
            else { throw .valueInvalid }
            return attribute
        default: return RelativeDistinguishedName.Attribute(type: identifier, utf8String: text)
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// The table of RFC 4514 §3.
    private static func identifier(_ name: ByteString) -> ASN1ObjectIdentifier? {
        switch name {
        case "CN": .RDNAttributeType.commonName
        case "L": .RDNAttributeType.localityName
        case "ST": .RDNAttributeType.stateOrProvinceName
        case "O": .RDNAttributeType.organizationName
        case "OU": .RDNAttributeType.organizationalUnitName
        case "C": .RDNAttributeType.countryName
        case "STREET": .RDNAttributeType.streetAddress
        case "DC": .RDNAttributeType.domainComponent
        case "UID": [0, 9, 2342, 19_200_300, 100, 1, 1]
        default: nil
        }
    }
}
