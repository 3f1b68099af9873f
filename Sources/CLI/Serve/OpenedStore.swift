import CLinux
import Foundation
import Issuer
import JOSE
import Keys
import Logging
import Server
import Storage

/// A store that this process owns, with what opens its secrets.
struct OpenedStore {
    /// Nil for a store that others share.
    let lock: StoreLock?
    let store: any IssuerStore
    let sealer: ReplaceableKeySealer
    let sealingKey: StoreSealingKey
    let ledger: RevocationLedgerFile
    let clock: ClockGuard
    private let certifier: (any KeyCertifier)?

    /// Where a store is and what opens it.
    struct Place {
        let files: StoreFiles
        /// The database, where the store is not one of our files.
        var database: SharedDatabase?
        /// Whose chain of records a shared database is to have ours in.
        var replica: ByteString?
        let sealingKeyFile: String?
        let revocationLedger: String
        /// Whether a new issuer may begin beside a sealing key.
        var initialise = false
        /// What a ring that was never rotated before goes by.
        var rules: RotationRules?
        /// Who makes the certificates of keys that sign certificates; nil where there are no such keys.
        var certifier: (any KeyCertifier)?

        func openStore(logger: Logger) throws -> any IssuerStore {
            if let database { return try database.open(replica: replica, logger: logger) }
            return try SQLiteStore(path: files.database, logger: logger)
        }
    }

    /// Takes the lock, opens the files, reads the sealing key; where nothing was ever sealed, makes key and ring.
    static func open(_ place: Place, logger: Logger) async throws -> OpenedStore {
        do {
            try place.files.prepareFolder()
            if place.database == nil {
                try StoreSealingKey(place.files, configured: place.sealingKeyFile).refuseLostStore(place.initialise)
            }
            // Those who share a database and this folder make the sealing key one after the other, too.
            let lock = try StoreLock(place.files)
            let store = try place.openStore(logger: logger)
            do {
                return try await open(place, lock, store)
            } catch {
                store.close()
                throw error
            }
        } catch let error as StoreFileError {
            throw error.failure
        } catch KeyRingError.malformedDocument {
            throw CommandFailure.failed(damagedRing)
        } catch let error as RevocationLedgerError {
            throw CommandFailure.wrongConfiguration(error.explanation.string)
        } catch is StoreError where place.database != nil {
            throw CommandFailure.failed("the database stopped answering; look at it and try again")
        }
    }

    static func open(_ place: Place, _ lock: StoreLock, _ store: any IssuerStore) async throws -> OpenedStore {
        // From here on keys lie open in memory.
        _ = jobsworth_forbid_inspection()
        StoreRestoration.removeLeftovers(of: place.files)
        let isShared = place.database != nil
        let sealingKey = StoreSealingKey(place.files, configured: place.sealingKeyFile, isShared: isShared)
        let sealer = ReplaceableKeySealer(
            try await sealingKey.sealer(of: store, initialise: place.initialise),
            successors: { isShared ? sealingKey.successors : [] }
        )
        let opened = OpenedStore(
            lock: place.database == nil ? lock : nil,
            store: store,
            sealer: sealer,
            sealingKey: sealingKey,
            ledger: RevocationLedgerFile(path: place.revocationLedger),
            clock: ClockGuard(trusted: try await store.trustedClock()),
            certifier: place.certifier
        )
        try await opened.beginRing(place)
        try await opened.refuseRevokedRunners(at: .now)
        withExtendedLifetime(lock) {}
        return opened
    }

    /// The first ring, the rules, and what the ledger says; a sealing key that opens nothing changes nothing.
    private func beginRing(_ place: Place) async throws {
        do {
            let ring = try await store.keyRing()
            _ = try SigningKeys(opening: ring, with: sealer)
            if let rules = place.rules { try await goBy(rules, place, isNew: ring.version == 0) }
            // A command does what it is asked and nothing beside it; only an issuer begins with what is due.
            if ring.version == 0 || place.rules != nil { _ = try await custodian().turn(at: .now) }
            try sealingKey.finishDraft()
        } catch KeyRingError.privateKeyUnusable {
            throw CommandFailure.wrongConfiguration(StoreSealingKey.wrong)
        }
    }

    /// An issuer and an agent never share a store: each would withdraw what the other signs with.
    private func goBy(_ rules: RotationRules, _ place: Place, isNew: Bool) async throws {
        let stored = try await store.rotationState().rules
        guard stored != rules else { return }
        guard isNew || (stored?.purposes ?? KeyPurpose.allTokens) == rules.purposes else {
            let owner = rules.purposes == KeyPurpose.allTokens ? "an agent" : "an issuer"
            throw CommandFailure.wrongConfiguration(
                "\(place.database == nil ? place.files.database : "the database") is the store of \(owner); give this one a storage of its own"
            )
        }
        try await store.setRotationRules(rules)
    }

    static let damagedRing = "the stored key ring is damaged; restore the newest backup, nothing was changed"

    private func refuseRevokedRunners(at now: NumericDate) async throws {
        for case .credential(let text) in try ledger.revocations() {
            guard let bytes = try? Base64URL.decode(text.bytes),
                let runner = try await store.runner(CredentialDigest(bytes: bytes)),
                // One that was followed by another dies by itself.
                runner.credentials.first?.digest == CredentialDigest(bytes: bytes)
            else { continue }
            _ = try await store.revokeRunner(named: runner.name, at: now)
        }
    }

    /// Keeps this store's ring.
    func custodian(use: (@Sendable (SigningKeys, NumericDate?) -> Void)? = nil) throws -> KeyCustodian {
        KeyCustodian(
            store: store,
            sealer: sealer,
            ledger: ledger,
            clock: clock,
            standardRules: RotationRules(schedule: try RotationSchedule(maximumTokenLifetime: .seconds(86_400))),
            certifier: certifier,
            use: use,
            reading: { .now }
        )
    }

    /// The keys that sign now.
    func signingKeys() async throws -> SigningKeys {
        try SigningKeys(opening: try await store.keyRing(), with: sealer)
    }

    /// The key of the request tokens, made at the first start.
    func requestTokenKey() async throws -> RequestTokenKey {
        var generator = SystemRandomNumberGenerator()
        let context = RequestTokenKey.sealingContext
        let candidate = try sealer.seal(RequestTokenKey.randomSecret(using: &generator), context: context)
        let stored = try await store.secret(named: RequestTokenKey.secretName, orStore: candidate)
        do throws(SealingError) {
            return RequestTokenKey(secret: try sealer.unseal(stored, context: context))
        } catch {
            throw CommandFailure.wrongConfiguration(StoreSealingKey.wrong)
        }
    }

    func keyDesk(_ custodian: KeyCustodian, _ requestTokens: RequestTokenKey) -> KeyDesk {
        KeyDesk(
            custodian: custodian,
            store: store,
            sealer: sealer,
            resealing: Resealing(keys: store, secrets: store, sealer: sealer, replacement: sealingKey),
            requestTokens: requestTokens,
            elapsed: { ClockReading.now.sinceBoot }
        )
    }
}

extension StoreFileError {
    var failure: CommandFailure {
        switch self {
        case .permissionsTooOpen, .sealingKeyMissing, .sealingKeyMalformed, .networkFileSystem, .storeLost,
            .ledgerMalformed:
            .wrongConfiguration(description)
        case .unreadable, .notDurable, .newerSchema, .ownedByAnother, .fileExists, .notABackup, .system:
            .failed(description)
        }
    }
}
