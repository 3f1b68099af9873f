import Foundation
import JOSE

/// The file of the key-encryption key: 32 bytes in base64 or base64url that only the owner can read.
///
/// A new key is a draft beside it until everything that it sealed is durable; then the draft takes its place.
package struct SealingKeyFile: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    package var exists: Bool {
        FileManager.default.fileExists(atPath: path)
    }

    /// Where the next key waits.
    package var draft: SealingKeyFile {
        SealingKeyFile(path: path + ".new")
    }

    /// Where a key waits that others, who share the store, must have before anything is sealed with it.
    package var next: SealingKeyFile {
        SealingKeyFile(path: path + ".next")
    }

    package func key() throws -> [UInt8] {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue else {
            throw StoreFileError.sealingKeyMissing(path)
        }
        guard mode & 0o077 == 0 || Self.isRootsAlone(attributes, mode) else {
            throw StoreFileError.permissionsTooOpen(path)
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StoreFileError.system(path, "it cannot be read")
        }
        guard let key = Self.decoded([UInt8](data)) else { throw StoreFileError.sealingKeyMalformed(path) }
        return key
    }

    /// Writes a new random key as the draft, and answers it.
    package func makeDraft() throws -> [UInt8] {
        try draft.make()
    }

    /// Writes a new random key as the next one; one that waits already stays, for others may have it.
    package func makeNext() throws {
        if !next.exists { _ = try next.make() }
    }

    private func make() throws -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        try DurableFile.write(Base64URL.encode(key) + [UInt8(ascii: "\n")], to: path)
        return key
    }

    /// The draft is the key from now on.
    package func promoteDraft() throws {
        try DurableFile.move(draft.path, to: path)
    }

    /// The next key is the key from now on; whoever shares the folder may have said so before.
    package func promoteNext() throws {
        do {
            try DurableFile.move(next.path, to: path)
        } catch {
            guard !next.exists, exists else { throw error }
        }
    }

    package func removeDraft() {
        unlink(draft.path)
        unlink(DurableFile.draft(of: draft.path))
    }

    /// Whether it is as systemd 254 and later hand a credential over: root's, of root's group, and what one other user may
    /// read it by is an access list, whose mask is shown in place of the group's bits.
    private static func isRootsAlone(_ attributes: [FileAttributeKey: Any]?, _ mode: Int) -> Bool {
        let owner = (attributes?[.ownerAccountID] as? NSNumber)?.intValue
        let group = (attributes?[.groupOwnerAccountID] as? NSNumber)?.intValue
        return mode & 0o777 == 0o440 && owner == 0 && group == 0
    }

    private static func decoded(_ text: [UInt8]) -> [UInt8]? {
        let plain = text.filter { !" \n\r\t=".utf8.contains($0) }.map { byte in
            byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte
        }
        guard let key = try? Base64URL.decode(plain), key.count == 32 else { return nil }
        return key
    }
}
