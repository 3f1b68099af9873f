import Foundation
import Issuer
import JOSE

/// A head of the log as somebody kept it, and the keys to believe it by.
struct KeptAuditHead {
    let path: String?
    let jwkSet: String?

    /// What compares a log with it; nil where none is named.
    func check() async throws -> AuditHeadCheck? {
        guard let path else { return nil }
        guard let data = RegularFile.read(path, limit: VerifiedAuditHead.maximumBytes + 2) else {
            throw CommandFailure.failed("\(path) cannot be read; name the file with the head that was kept")
        }
        let keys: JWKSet? =
            if let jwkSet { try await VerificationKeys(jwkSet: jwkSet, issuer: nil).load() } else { nil }
        do throws(AuditHeadFault) {
            return AuditHeadCheck(try VerifiedAuditHead(parsing: Self.line(data), believing: keys))
        } catch {
            throw error.failure
        }
    }

    /// The end of the line is no part of it.
    private static func line(_ data: Data) -> [UInt8] {
        let bytes = data.last == 0x0A ? data.dropLast() : data
        return Array(bytes.last == 0x0D ? bytes.dropLast() : bytes)
    }
}

extension AuditHeadFault {
    var failure: CommandFailure {
        .failed("\(reason): \(explanation)")
    }
}
