import Attestation
import Foundation
import JOSE

/// Where the job's token comes from.
enum EvidenceSource: Sendable {
    /// The socket knows the job by itself.
    case none
    case token(Evidence)
    /// Read again for every connection: whoever renews the token writes the file anew.
    case file(String)

    static let variable = "SPIFFE_IDENTITY_EXCHANGE_TOKEN"

    func current() throws -> Evidence? {
        switch self {
        case .none: return nil
        case .token(let evidence): return evidence
        case .file(let path):
            guard let data = RegularFile.read(path, limit: Self.maximumBytes + 1) else {
                throw CommandFailure.failed("\(path) cannot be read, or is no file; it should hold the job's token")
            }
            return try Self.evidence(Array(data), from: path)
        }
    }

    /// A token without what ends its line.
    static func evidence(_ bytes: [UInt8], from place: String) throws -> Evidence {
        let token = bytes.trimmingBlanks
        guard !token.isEmpty else { throw CommandFailure.failed("\(place) is empty; it should hold the job's token") }
        guard bytes.count <= maximumBytes else {
            throw CommandFailure.failed("\(place) is longer than a token may be, \(maximumBytes) bytes")
        }
        return Evidence(token: ByteString(token))
    }

    /// What fits into the headers of a request with room to spare (16 KiB).
    private static let maximumBytes = 15_360
}
