private import Crypto
package import JOSE

/// The hash chain over the audit records: changing, dropping or swapping one changes every digest after it.
package enum AuditChain {
    package static let beginning = [UInt8](repeating: 0, count: 32)
    /// What the one chain of a SQLite store is called, where chains have names; it keeps the name when the store is
    /// copied into one that several processes share.
    package static let soleName: ByteString = "sqlite"

    package static func digest(after previous: [UInt8], sequence: Int64, document: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        previous.withUnsafeBytes { hash.update(bufferPointer: $0) }
        withUnsafeBytes(of: sequence.bigEndian) { hash.update(bufferPointer: $0) }
        document.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize().withUnsafeBytes { Array($0) }
    }

    /// The sequence of the first record that does not follow from the one before; nil for an unbroken chain.
    package static func firstBreak(in records: [StoredAuditRecord], after previous: StoredAuditRecord?) -> Int64? {
        var last = previous?.digest ?? beginning
        var sequence = previous?.sequence ?? 0
        for record in records {
            guard record.sequence == sequence + 1,
                record.digest == digest(after: last, sequence: record.sequence, document: record.document)
            else { return record.sequence }
            last = record.digest
            sequence = record.sequence
        }
        return nil
    }
}
