import Foundation
import Issuer
import JOSE
import Keys
import Logging
import Storage

/// A store that this process owns, with what opens its secrets.
struct OpenedStore {
    let lock: StoreLock
    let store: SQLiteStore
    let sealer: any KeySealer

    /// Takes the lock, opens the files, reads the sealing key.
    ///
    /// Where nothing was ever sealed, a key is made.
    static func open(_ files: StoreFiles, sealingKeyFile: String?, logger: Logger) async throws -> OpenedStore {
        do {
            try files.prepareFolder()
            let lock = try StoreLock(files)
            let store = try SQLiteStore(path: files.database, logger: logger)
            do {
                return OpenedStore(lock: lock, store: store, sealer: try await sealer(store, files, sealingKeyFile))
            } catch {
                store.close()
                throw error
            }
        } catch let error as StoreFileError {
            throw error.failure
        }
    }

    private static func sealer(
        _ store: SQLiteStore,
        _ files: StoreFiles,
        _ sealingKeyFile: String?
    ) async throws -> any KeySealer {
        let isNew = try await store.keyRing().version == 0
        let path = sealingKeyFile ?? files.sealingKey
        let key = try SealingKeyFile.key(at: path, mayCreate: isNew && sealingKeyFile == nil)
        return try AESGCMKeySealer(keyEncryptionKey: key)
    }

    /// The keys that sign, after what the ring lacks was made; a sealing key that opens nothing changes nothing.
    func signingKeys(at now: NumericDate) async throws -> SigningKeys {
        do {
            _ = try SigningKeys(opening: try await store.keyRing(), with: sealer)
            let ring = try await KeyRingBootstrap(store: store, maker: KeyMaker(sealer: sealer)).completeRing(at: now)
            return try SigningKeys(opening: ring, with: sealer)
        } catch KeyRingError.privateKeyUnusable {
            throw CommandFailure.wrongConfiguration(Self.wrongSealingKey)
        }
    }

    /// The key of the request tokens, made at the first start.
    func requestTokenKey() async throws -> RequestTokenKey {
        var generator = SystemRandomNumberGenerator()
        let context: ByteString = "jobsworth request token key"
        let candidate = try sealer.seal(RequestTokenKey.randomSecret(using: &generator), context: context)
        let stored = try await store.secret(named: "request-token-key", orStore: candidate)
        do throws(SealingError) {
            return RequestTokenKey(secret: try sealer.unseal(stored, context: context))
        } catch {
            throw CommandFailure.wrongConfiguration(OpenedStore.wrongSealingKey)
        }
    }

    static let wrongSealingKey =
        "the sealing key is not the one that this store was sealed with; put the right file back, nothing was changed"
}

extension StoreFileError {
    var failure: CommandFailure {
        switch self {
        case .permissionsTooOpen, .sealingKeyMissing, .sealingKeyMalformed, .networkFileSystem:
            .wrongConfiguration(description)
        case .unreadable, .notDurable, .newerSchema, .ownedByAnother, .system: .failed(description)
        }
    }
}
