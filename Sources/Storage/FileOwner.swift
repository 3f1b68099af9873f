import Foundation

/// Who owns what a command of root's makes beside a store: the owner of the folder, or the issuer, which runs as that
/// user, could not open its own files any more.
enum FileOwner {
    static func adopt(_ paths: String...) {
        guard geteuid() == 0 else { return }
        for path in paths {
            let folder = (path as NSString).deletingLastPathComponent
            var owner = stat()
            guard stat(folder.isEmpty ? "." : folder, &owner) == 0, owner.st_uid != 0 else { continue }
            lchown(path, owner.st_uid, owner.st_gid)
        }
    }
}
