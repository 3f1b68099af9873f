import FoundationEssentials
import JOSE
import Keys
import SwiftASN1
import X509

/// A leaf certificate as X509-SVID §5.2 has it: the rules that RFC 5280 does not know.
struct X509SVIDLeaf {
    let id: SPIFFEID

    init(_ certificate: Certificate) throws(X509SVIDError) {
        id = try Self.id(certificate)
        guard !id.path.isEmpty else { throw .idWithoutPath }
        try Self.refuseAuthority(certificate)
    }

    private static func id(_ certificate: Certificate) throws(X509SVIDError) -> SPIFFEID {
        // An extension that can't be read is no absent one.
        guard let names = try? certificate.extensions.subjectAlternativeNames ?? SubjectAlternativeNames() else {
            throw .malformed
        }
        let uris = names.compactMap { name -> String? in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        guard let uri = uris.first, uris.count == 1 else { throw .nameCount(uris.count) }
        do throws(SPIFFEIDError) {
            return try SPIFFEID(parsing: ByteString(uri))
        } catch {
            throw .idInvalid(error)
        }
    }

    private static func refuseAuthority(_ certificate: Certificate) throws(X509SVIDError) {
        do {
            if case .isCertificateAuthority? = try certificate.extensions.basicConstraints {
                throw X509SVIDError.leafMaySign
            }
            let usage = try certificate.extensions.keyUsage ?? KeyUsage()
            if usage.keyCertSign || usage.cRLSign { throw X509SVIDError.leafMaySign }
        } catch let error as X509SVIDError {
            throw error
        } catch {
            throw .malformed
        }
    }
}
