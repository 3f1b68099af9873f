import Foundation
import Issuer
import JOSE
import Keys
import Storage

/// The key-encryption key of one store, through first starts, replacements and the crashes between.
///
/// A draft beside the file is a key that was made and whose work may or may not have been committed: whichever of the
/// two opens the ring is the key.
struct StoreSealingKey: SealingKeyReplacement {
    private let files: StoreFiles
    private let file: SealingKeyFile
    private let isConfigured: Bool
    private let isShared: Bool

    /// `isShared` is whether other processes open the same store with keys of their own folders.
    init(_ files: StoreFiles, configured path: String?, isShared: Bool = false) {
        self.files = files
        self.isShared = isShared
        file = SealingKeyFile(path: path ?? files.sealingKey)
        isConfigured = path != nil
    }

    /// - Throws: ``StoreFileError``; a `CommandFailure` where no key at hand opens the ring. Nothing is touched then.
    func sealer(of store: any IssuerStore, initialise: Bool) async throws -> any KeySealer {
        let ring = try await store.keyRing()
        guard ring.version > 0 else { return try newSealer(initialise) }
        if file.exists, let sealer = try sealer(file, opening: ring) {
            file.removeDraft()
            return sealer
        }
        if file.draft.exists, let sealer = try sealer(file.draft, opening: ring) {
            try file.promoteDraft()
            return sealer
        }
        if file.next.exists, let sealer = try sealer(file.next, opening: ring) {
            try file.promoteNext()
            return sealer
        }
        guard file.exists else { throw StoreFileError.sealingKeyMissing(file.path) }
        throw CommandFailure.wrongConfiguration(Self.wrong)
    }

    /// A sealing key without its store: refused before anything is made.
    func refuseLostStore(_ initialise: Bool) throws {
        let attributes = try? FileManager.default.attributesOfItem(atPath: files.database)
        let isEmpty = (attributes?[.size] as? NSNumber)?.intValue ?? 0 == 0
        guard isEmpty, file.exists, !initialise else { return }
        throw StoreFileError.storeLost(database: files.database, sealingKey: file.path)
    }

    /// For a store that has sealed nothing yet.
    private func newSealer(_ initialise: Bool) throws -> any KeySealer {
        if file.exists {
            guard initialise else {
                throw StoreFileError.storeLost(database: files.database, sealingKey: file.path)
            }
            return try AESGCMKeySealer(keyEncryptionKey: file.key())
        }
        guard !isConfigured else { throw StoreFileError.sealingKeyMissing(file.path) }
        return try AESGCMKeySealer(keyEncryptionKey: file.makeDraft())
    }

    private func sealer(_ file: SealingKeyFile, opening ring: KeyRing) throws -> (any KeySealer)? {
        let sealer = try AESGCMKeySealer(keyEncryptionKey: file.key())
        return (try? SigningKeys(opening: ring, with: sealer)) == nil ? nil : sealer
    }

    /// The first ring is stored: what was a draft is the key.
    func finishDraft() throws {
        if !file.exists, file.draft.exists { try file.promoteDraft() }
    }

    /// Where others share the store, what they were given before.
    func makeDraft() throws -> any KeySealer {
        if isShared {
            guard file.next.exists else { throw Refusal(.sealingKeyNotPrepared) }
            return try AESGCMKeySealer(keyEncryptionKey: file.next.key())
        }
        return try AESGCMKeySealer(keyEncryptionKey: file.makeDraft())
    }

    func promoteDraft() throws {
        try isShared ? file.promoteNext() : file.promoteDraft()
    }

    /// The path of a key for everybody who shares the store to have before anything is sealed with it.
    func prepare() throws -> String {
        try file.makeNext()
        return file.next.path
    }

    /// What may be the key when the one in use is not: the file, which another process of this folder may have replaced,
    /// and the next one.
    var successors: [SealingKeySuccessor] {
        let file = file
        let replaced = Self.successor(file) {}
        // Where it cannot be moved, it is found again at the next start.
        let next = Self.successor(file.next) { try? file.promoteNext() }
        return [replaced, next].compactMap(\.self)
    }

    private static func successor(
        _ file: SealingKeyFile,
        succeed: @escaping @Sendable () -> Void
    ) -> SealingKeySuccessor? {
        guard let key = try? file.key(), let sealer = try? AESGCMKeySealer(keyEncryptionKey: key) else { return nil }
        return SealingKeySuccessor(sealer: sealer, succeed: succeed)
    }

    static let wrong =
        "the sealing key is not the one that this store was sealed with; put the right file back, after keys reseal the new one; nothing was changed"
}
