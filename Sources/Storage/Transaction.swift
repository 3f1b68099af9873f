import Foundation
import GRDB
import Issuer
import JOSE
import Keys

/// One transaction, and what it has read or written already: pieces of work that commit together need not ask again.
///
/// What is remembered cannot differ from the file: nobody else can write while an immediate transaction is open, what
/// we write ourselves passes through here, and nothing outlives the transaction, whether it commits or not.
final class Transaction {
    let database: Database
    private var tail: (sequence: Int64, digest: [UInt8])?
    private var active: Set<ByteString>?
    private var tokensExpireBy: [ByteString: Int64] = [:]
    /// How many jobs of each runner it has added and not yet handed to the count in memory.
    var addedJobs: [Int64: Int] = [:]

    init(_ database: Database) {
        self.database = database
    }

    // MARK: - The log

    /// Appends the record to the chain; answers its sequence.
    @discardableResult
    func append(_ record: AuditRecord) throws -> Int64 {
        let last = try tail ?? storedTail()
        let sequence = last.sequence + 1
        let document = record.serialized
        let digest = AuditChain.digest(after: last.digest, sequence: sequence, document: document)
        try database.cachedStatement(sql: "INSERT INTO audit (sequence, document, digest) VALUES (?, ?, ?)")
            .run(.integer(sequence), .bytes(document), .bytes(digest))
        tail = (sequence, digest)
        return sequence
    }

    private func storedTail() throws -> (sequence: Int64, digest: [UInt8]) {
        let last = try Row.fetchOne(
            database.cachedStatement(sql: "SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1")
        )
        return (last?["sequence"] ?? 0, last.map { [UInt8]($0["digest"] as Data) } ?? AuditChain.beginning)
    }

    // MARK: - Keys

    /// The keys that sign, as `read` finds them in the file.
    func activeKids(_ read: (Database) throws -> Set<ByteString>) throws -> Set<ByteString> {
        if let active { return active }
        let kids = try read(database)
        active = kids
        return kids
    }

    /// The ring was replaced: which keys sign must be read again.
    func forgetKeys() {
        active = nil
    }

    /// Notes by when the key's tokens will have expired: until then no ring may withdraw it.
    ///
    /// Ten seconds more than the token lives spare the next tokens a write.
    func noteUse(_ permit: AuditRecord, _ sequence: Int64) throws {
        guard let kid = permit.kid, let expiresAt = permit.expiresAt?.secondsSinceEpoch else { return }
        if let known = try tokensExpireBy[kid] ?? storedUse(of: kid), known >= expiresAt {
            tokensExpireBy[kid] = known
            return
        }
        let until = expiresAt.addingReportingOverflow(10)
        try database.cachedStatement(
            sql: """
                INSERT INTO key_use (kid, first_sequence, tokens_expire_by) VALUES (?, ?, ?)
                ON CONFLICT (kid) DO UPDATE SET tokens_expire_by = excluded.tokens_expire_by
                """
        ).run(.bytes(kid.bytes), .integer(sequence), .integer(until.overflow ? .max : until.partialValue))
        tokensExpireBy[kid] = until.overflow ? .max : until.partialValue
    }

    private func storedUse(of kid: ByteString) throws -> Int64? {
        try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT tokens_expire_by FROM key_use WHERE kid = ?"),
            arguments: [Data(kid.bytes)]
        )
    }
}
