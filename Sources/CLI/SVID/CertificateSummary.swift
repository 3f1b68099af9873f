import Foundation
import JOSE
import Keys
import SwiftASN1
import X509

/// From when until when a certificate is valid.
struct CertificateSummary: Hashable, Sendable {
    let validFrom: NumericDate
    let expiresAt: NumericDate

    init(_ der: [UInt8]) throws {
        let certificate = try Certificate(derEncoded: der)
        validFrom = NumericDate(secondsSinceEpoch: Int64(certificate.notValidBefore.timeIntervalSince1970))
        expiresAt = NumericDate(secondsSinceEpoch: Int64(certificate.notValidAfter.timeIntervalSince1970))
    }

    var json: JSONValue {
        .object(
            JSONObject([
                ("valid_after", .string(validFrom.internetDate)), ("valid_until", .string(expiresAt.internetDate)),
            ])
        )
    }

    /// As spire-agent prints it: `SVID Valid After:`, a tab and the instant.
    func lines(_ name: String) -> [String] {
        ["\(name) Valid After:\t\(validFrom.internetDate)", "\(name) Valid Until:\t\(expiresAt.internetDate)"]
    }
}
