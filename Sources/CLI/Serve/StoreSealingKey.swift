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

    init(_ files: StoreFiles, configured path: String?) {
        self.files = files
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

    func makeDraft() throws -> any KeySealer {
        try AESGCMKeySealer(keyEncryptionKey: file.makeDraft())
    }

    func promoteDraft() throws {
        try file.promoteDraft()
    }

    static let wrong =
        "the sealing key is not the one that this store was sealed with; put the right file back, nothing was changed"
}
