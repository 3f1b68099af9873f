/// Why a store cannot be used; the text says how to mend it.
package enum StoreFileError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(String, String)
    case notDurable
    case newerSchema
    case ownedByAnother(String)
    case networkFileSystem(String)
    case permissionsTooOpen(String)
    case sealingKeyMissing(String)
    case sealingKeyMalformed(String)
    /// There is a sealing key, and nothing that it sealed.
    case storeLost(database: String, sealingKey: String)
    case ledgerMalformed(String)
    case fileExists(String)
    case notABackup(String, String)
    case system(String, String)

    package var description: String {
        switch self {
        case .unreadable(let path, let message): "\(path) cannot be opened as a store: \(message)"
        case .notDurable:
            "the store does not keep journal_mode=WAL with synchronous=FULL; without them a power cut loses audit records"
        case .newerSchema: "the store was written by a newer jobsworth; run that version or restore an older backup"
        case .ownedByAnother(let path):
            "\(path) is owned by a running jobsworth; stop it first, or give this one another --storage"
        case .networkFileSystem(let path):
            "\(path) lies on a network file system, where SQLite's locks do not hold; use a local disk"
        case .permissionsTooOpen(let path): "\(path) can be read by others; run: chmod 600 \(path)"
        case .sealingKeyMissing(let path):
            "the sealing key \(path) is missing, and the store's keys can't be opened without it; put it back, or set JOBSWORTH_SEALING_KEY_FILE"
        case .sealingKeyMalformed(let path):
            "\(path) does not hold a sealing key: it must be 32 bytes in base64, as from: head -c 32 /dev/urandom | base64"
        case .storeLost(let database, let sealingKey):
            "\(sealingKey) is there, but \(database) holds nothing that it sealed: was a volume lost? Run jobsworth restore FILE with the newest backup; only to begin a new issuer, serve --initialise"
        case .ledgerMalformed(let path):
            "\(path) holds a line that is no revocation; mend or restore it, for what it says might revoke a key"
        case .fileExists(let path): "\(path) exists already; name another file"
        case .notABackup(let path, let why): "\(path) is not a backup that can be restored: \(why)"
        case .system(let path, let message): "\(path): \(message)"
        }
    }
}
