import Foundation
import Storage

/// `sqlite:PATH` or `postgres://…`; where none is given, the state folder of the user, or of the machine for root.
struct StorageURL {
    /// The store's files; beside a database that is shared, only what is not in it: the sealing key, the ledger of
    /// revocations and the admin socket.
    let files: StoreFiles
    /// Nil for SQLite.
    let database: SharedDatabase?

    /// Nil for a URL that is not supported.
    init?(_ text: String?, directory: String? = nil) {
        guard let text else {
            files = StoreFiles(database: Self.defaultFolder + "/issuer.sqlite")
            database = nil
            return
        }
        if SharedDatabase.isMeant(by: text) {
            files = StoreFiles(database: (directory ?? Self.defaultFolder) + "/issuer")
            database = SharedDatabase(url: text)
            return
        }
        guard text.hasPrefix("sqlite:"), text.utf8.count > 7 else { return nil }
        files = StoreFiles(database: String(text.dropFirst(7)))
        database = nil
    }

    /// What `sources` say of it.
    ///
    /// - Throws: `CommandFailure` for what is not supported.
    init(_ sources: ConfigurationSources) throws {
        guard let url = StorageURL(sources[.storage], directory: sources[.storageDirectory]) else {
            throw CommandFailure.wrongConfiguration(Self.forms)
        }
        if let problem = url.database?.problem { throw CommandFailure.wrongConfiguration(problem) }
        self = url
    }

    /// Without the URL that was given: it may hold a password.
    static let forms = "--storage must be sqlite:PATH or postgres://USER@HOST/DATABASE"

    private static var defaultFolder: String {
        let environment = ProcessInfo.processInfo.environment
        if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") { return folder + "/jobsworth" }
        if getuid() != 0, let home = environment["HOME"] { return home + "/.local/state/jobsworth" }
        return "/var/lib/jobsworth"
    }
}
