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
    let statements: TokenStatements
    private var tail: (sequence: Int64, digest: [UInt8])?
    private var active: [ByteString]?
    /// Of the few keys that sign: to compare them costs less than to hash one.
    private var tokensExpireBy: [(kid: ByteString, until: Int64)] = []
    /// How many jobs of each runner it has added and not yet handed to the count in memory.
    var addedJobs: [Int64: Int] = [:]

    init(_ database: Database, _ statements: TokenStatements) {
        self.database = database
        self.statements = statements
    }

    // MARK: - The log

    /// Appends the record to the chain; answers its sequence.
    @discardableResult
    func append(_ record: AuditRecord) throws -> Int64 {
        let last = try tail ?? storedTail()
        let sequence = last.sequence + 1
        let document = record.serialized
        let digest = AuditChain.digest(after: last.digest, sequence: sequence, document: document)
        try statements.appendRecord.run(.integer(sequence), .bytes(document), .bytes(digest))
        tail = (sequence, digest)
        return sequence
    }

    private func storedTail() throws -> (sequence: Int64, digest: [UInt8]) {
        let last = try statements.lastRecord.first { ($0.integer(0) ?? 0, $0.bytes(1) ?? []) }
        return last ?? (0, AuditChain.beginning)
    }

    // MARK: - Keys

    /// The keys that sign, as `read` finds them in the file.
    func activeKids(_ read: (Transaction) throws -> [ByteString]) throws -> [ByteString] {
        if let active { return active }
        let kids = try read(self)
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
        let index = tokensExpireBy.firstIndex { $0.kid == kid }
        if let known = try index.map({ tokensExpireBy[$0].until }) ?? storedUse(of: kid), known >= expiresAt {
            if index == nil { tokensExpireBy.append((kid, known)) }
            return
        }
        let sum = expiresAt.addingReportingOverflow(10)
        let until = sum.overflow ? .max : sum.partialValue
        try statements.noteKeyUse.run(.bytes(kid.bytes), .integer(sequence), .integer(until))
        if let index { tokensExpireBy[index].until = until } else { tokensExpireBy.append((kid, until)) }
    }

    private func storedUse(of kid: ByteString) throws -> Int64? {
        try statements.keyUse.first(.bytes(kid.bytes)) { $0.integer(0) } ?? nil
    }
}
