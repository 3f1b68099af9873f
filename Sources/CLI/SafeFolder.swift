import CoreFoundation
import Foundation

/// Folders in which nobody but their owner and root can put one thing in the place of another.
enum SafeFolder {
    /// The first folder from this one up to the root in which others can; nil where there is none.
    ///
    /// In a sticky folder nobody may rename what is another's, but anybody may take a name that is free: it is safe for
    /// what is there already, `isTaken` says.
    static func firstShared(from folder: String, isTaken: Bool) -> String? {
        var folder = folder
        var isTaken = isTaken
        while true {
            if isShared(folder, isTaken: isTaken) { return folder }
            if folder == "/" { return nil }
            folder = (folder as NSString).deletingLastPathComponent
            isTaken = true
        }
    }

    private static func isShared(_ folder: String, isTaken: Bool) -> Bool {
        var status = stat()
        guard stat(folder, &status) == 0, [0, getuid()].contains(status.st_uid) else { return true }
        return status.st_mode & 0o022 != 0 && !(isTaken && status.st_mode & S_ISVTX != 0)
    }
}
