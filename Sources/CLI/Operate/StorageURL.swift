import Foundation
import Storage

/// `sqlite:PATH`; where none is given, the state folder of the user, or of the machine for root.
struct StorageURL {
    let files: StoreFiles

    /// Nil for a URL that is not supported.
    init?(_ text: String?) {
        guard let text else {
            files = StoreFiles(database: Self.defaultPath)
            return
        }
        guard text.hasPrefix("sqlite:"), text.utf8.count > 7 else { return nil }
        files = StoreFiles(database: String(text.dropFirst(7)))
    }

    private static var defaultPath: String {
        let environment = ProcessInfo.processInfo.environment
        if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") {
            return folder + "/jobsworth/issuer.sqlite"
        }
        if getuid() != 0, let home = environment["HOME"] { return home + "/.local/state/jobsworth/issuer.sqlite" }
        return "/var/lib/jobsworth/issuer.sqlite"
    }
}
