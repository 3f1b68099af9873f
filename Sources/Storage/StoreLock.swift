import CLinux
import Foundation

/// Ownership of a SQLite store: an advisory lock on a file beside it, held as long as this value lives, gone with the
/// process however it dies.
///
/// The file says where the owner's admin socket is.
package final class StoreLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// While an operator's command has it, which is short, this waits for at most five seconds.
    ///
    /// - Throws: ``StoreFileError/ownedByAnother(_:)`` while a server has it.
    package init(_ files: StoreFiles) throws {
        descriptor = open(files.lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreFileError.system(files.lock, String(cString: strerror(errno))) }
        FileOwner.adopt(files.lock)
        do {
            try Self.lock(descriptor, files)
        } catch {
            close(descriptor)
            throw error
        }
        // What a dead owner said of its admin socket is over.
        ftruncate(descriptor, 0)
    }

    private static func lock(_ descriptor: Int32, _ files: StoreFiles) throws {
        // A command that takes over from a server that was killed empties the file just after it has the lock: one look
        // may still see what the dead one wrote.
        var sightings = 0
        for _ in 0..<250 {
            switch jobsworth_lock_exclusively(descriptor) {
            case 0: return
            case EWOULDBLOCK: break
            case let code: throw StoreFileError.system(files.lock, String(cString: strerror(code)))
            }
            sightings = adminSocket(of: files) == nil ? 0 : sightings + 1
            if sightings == 3 { break }
            usleep(20_000)
        }
        throw StoreFileError.ownedByAnother(files.database)
    }

    deinit {
        close(descriptor)
    }

    /// Writes where the owner listens for operator commands.
    package func publish(adminSocket: String) {
        let text = Array((adminSocket + "\n").utf8)
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    /// Where the owner said it listens; nil where it said nothing.
    package static func adminSocket(of files: StoreFiles) -> String? {
        guard let text = try? String(contentsOfFile: files.lock, encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first.map(String.init)
        return line?.isEmpty == false ? line : nil
    }
}
