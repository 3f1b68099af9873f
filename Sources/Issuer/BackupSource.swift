package import JOSE

/// What can be copied while it works.
package protocol BackupSource: Sendable {
    /// Writes a whole copy as a new file.
    ///
    /// - Throws: ``Refusal`` where there is a file already; ``StoreError``.
    func backUp(to path: ByteString) async throws -> BackupReport
}

/// What a backup holds.
package struct BackupReport: Hashable, Sendable {
    package let ringVersion: Int64
    package let records: Int64
    /// RFC 3339, as the last audit record says.
    package let lastRecordAt: ByteString?

    package init(ringVersion: Int64, records: Int64, lastRecordAt: ByteString?) {
        self.ringVersion = ringVersion
        self.records = records
        self.lastRecordAt = lastRecordAt
    }
}
