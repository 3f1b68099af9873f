import Foundation
import JOSE

/// The key-encryption key: 32 bytes in base64 or base64url, in a file that only its owner can read.
package enum SealingKeyFile {
    /// Reads the key.
    ///
    /// With `mayCreate` a new one is made where there is none: only for a store that has sealed nothing yet.
    package static func key(at path: String, mayCreate: Bool) throws -> [UInt8] {
        if !FileManager.default.fileExists(atPath: path) {
            guard mayCreate else { throw StoreFileError.sealingKeyMissing(path) }
            try create(path)
        }
        return try read(path)
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue else {
            throw StoreFileError.system(path, "it cannot be read")
        }
        guard mode & 0o077 == 0 else { throw StoreFileError.permissionsTooOpen(path) }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StoreFileError.system(path, "it cannot be read")
        }
        guard let key = decoded([UInt8](data)) else { throw StoreFileError.sealingKeyMalformed(path) }
        return key
    }

    private static func decoded(_ text: [UInt8]) -> [UInt8]? {
        let plain = text.filter { !" \n\r\t=".utf8.contains($0) }.map { byte in
            byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte
        }
        guard let key = try? Base64URL.decode(plain), key.count == 32 else { return nil }
        return key
    }

    /// The file is whole and on disk under its name, or not there at all.
    private static func create(_ path: String) throws {
        var generator = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let draft = "\(path).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreFileError.system(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        let text = Base64URL.encode(key) + [UInt8(ascii: "\n")]
        guard write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0, rename(draft, path) == 0 else {
            throw StoreFileError.system(path, String(cString: strerror(errno)))
        }
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }
}
