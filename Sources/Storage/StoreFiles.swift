import CLinux
import Foundation
import JOSE

/// The files of a SQLite store: the database, its lock, its sealing key and, by default, the ledger of revocations and
/// the admin socket, side by side and readable by their owner only.
package struct StoreFiles: Sendable {
    package let database: String

    /// Links are followed first: two names of one database must not have two locks.
    package init(database: String) {
        self.database = Self.resolved(database) ?? Self.resolvedFolder(of: database) ?? database
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func resolvedFolder(of path: String) -> String? {
        let folder = (path as NSString).deletingLastPathComponent
        return resolved(folder.isEmpty ? "." : folder).map { $0 + "/" + (path as NSString).lastPathComponent }
    }

    package var lock: String { database + ".lock" }
    package var sealingKey: String { database + ".sealing-key" }
    /// The ledger of revocations, where no other place was configured.
    package var revocations: String { database + ".revocations" }
    package var adminSocket: String { database + ".admin.sock" }

    /// Makes the folder where there is none, and refuses one where SQLite's locks do not hold.
    package func prepareFolder() throws {
        umask(0o077)
        let folder = (database as NSString).deletingLastPathComponent
        let path = folder.isEmpty ? "." : folder
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw StoreFileError.system(path, "the folder cannot be made; check its parent's permissions")
        }
        var type = 0
        if jobsworth_file_system_type(path, &type) == 0, Self.networkFileSystems.contains(type) {
            throw StoreFileError.networkFileSystem(path)
        }
        try checkMode()
    }

    /// Refuses a database that others can read: it was copied here with the wrong mode.
    private func checkMode() throws {
        let attributes = try? FileManager.default.attributesOfItem(atPath: database)
        guard let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue else { return }
        guard mode & 0o077 == 0 else { throw StoreFileError.permissionsTooOpen(database) }
    }

    /// NFS, SMB and CIFS, by their magic numbers.
    private static let networkFileSystems: Set<Int> = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42]
}
