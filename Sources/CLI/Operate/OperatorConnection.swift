import Foundation
import Issuer
import JOSE
import Keys
import Logging
import Server
import Storage

/// Takes an operator's command to the store: through the admin socket while a process owns it, else directly.
struct OperatorConnection {
    private let files: StoreFiles
    private let adminSocket: String?
    private let place: OpenedStore.Place

    init(_ options: StorageOptions) throws {
        let sources = try options.sources()
        let url = try StorageURL(sources)
        files = url.files
        place = OpenedStore.Place(
            files: url.files,
            database: url.database,
            replica: SharedDatabase.operatorName,
            sealingKeyFile: sources[.sealingKeyFile],
            revocationLedger: sources[.revocationLedger] ?? url.files.revocations
        )
        adminSocket = try sources[.admin].map { text in
            guard text.hasPrefix("unix:") else { throw CommandFailure.wrongConfiguration("--admin must be unix:PATH") }
            return String(text.dropFirst(5))
        }
    }

    /// The database that several processes share; nil where the store is SQLite.
    var database: SharedDatabase? {
        place.database
    }

    func perform(_ command: OperatorCommand) async throws -> JSONObject {
        if database != nil { return try await performShared(command) }
        try refuseMissingStore(command)
        do {
            return try await performOnce(command)
        } catch is OwnerGone where command.isRepeatable {
            return try await performOnce(command)
        } catch is OwnerGone {
            throw CommandFailure.failed("the running jobsworth went away before it answered; look whether it was done")
        } catch let error as StoreFileError {
            throw error.failure
        }
    }

    /// Makes the key that replicas are to have before their store is sealed anew with it; answers where it lies.
    func prepareSealingKey() throws -> String {
        guard database != nil else {
            throw CommandFailure.wrongUsage(
                "--prepare is for replicas on PostgreSQL; keys reseal alone does it all here"
            )
        }
        do {
            try files.prepareFolder()
            return try StoreSealingKey(files, configured: place.sealingKeyFile, isShared: true).prepare()
        } catch let error as StoreFileError {
            throw error.failure
        }
    }

    /// Only the first runner may be there before the first start; everything else would look at nothing.
    private func refuseMissingStore(_ command: OperatorCommand) throws {
        if case .addRunner = command { return }
        guard FileManager.default.fileExists(atPath: files.database) else {
            throw CommandFailure.failed(
                "there is no store at \(files.database); check --storage, or start jobsworth serve first"
            )
        }
    }

    /// The owner of the store was there, and then not.
    private struct OwnerGone: Error {}

    private func performOnce(_ command: OperatorCommand) async throws -> JSONObject {
        do {
            return try await performDirectly(command)
        } catch StoreFileError.ownedByAnother {
            return try await performThroughSocket(command)
        }
    }

    /// What rests on the policy in force goes to a process that has one; all else to the database, where every process
    /// finds it at once.
    private func performShared(_ command: OperatorCommand) async throws -> JSONObject {
        switch command {
        case .approveJob, .listWaitingJobs:
            guard let path = adminSocket ?? AdminSocket.ofAnyReplica(files) else {
                throw CommandFailure.failed(
                    "issuer_not_running: no replica runs on this machine with the folder of \(files.database); run this where one does, or name its socket with --admin"
                )
            }
            return try await perform(command, throughSocket: path)
        case .backUp:
            throw CommandFailure.failed(
                "a store on PostgreSQL is copied by pg_dump; copy \(place.sealingKeyFile ?? files.sealingKey) and the ledger of revocations elsewhere, too"
            )
        default: return try await performDirectly(command)
        }
    }

    private func performDirectly(_ command: OperatorCommand) async throws -> JSONObject {
        // The one line that says what failed is the command's own.
        let logger = Logger(label: "jobsworth") { _ in SwiftLogNoOpLogHandler() }
        try files.prepareFolder()
        if database == nil { try StoreSealingKey(files, configured: place.sealingKeyFile).refuseLostStore(false) }
        let lock = try StoreLock(files)
        defer { withExtendedLifetime(lock) {} }
        let store = try place.openStore(logger: logger)
        defer { store.close() }
        let ledger = RevocationLedgerFile(path: place.revocationLedger)
        return try await explaining {
            let desk = OperatorDesk(store: store, ledger: ledger, keyDesk: try await keyDesk(command, lock, store))
            return try await desk.perform(command, at: .now, by: getuid())
        }
    }

    /// The sealing key is opened only for what needs it.
    private func keyDesk(
        _ command: OperatorCommand,
        _ lock: StoreLock,
        _ store: any IssuerStore
    ) async throws -> KeyDesk? {
        guard case .keys = command else { return nil }
        let opened = try await OpenedStore.open(place, lock, store)
        return try await opened.keyDesk(try opened.custodian(), opened.requestTokenKey())
    }

    private func explaining(_ body: () async throws -> JSONObject) async throws -> JSONObject {
        do {
            return try await body()
        } catch let refusal as Refusal {
            let about = refusal.about.isEmpty ? "" : ": \(refusal.about.string)"
            let sentence = ErrorResponse.sentence(for: refusal.reason)
            throw CommandFailure.failed("\(refusal.reason.rawValue): \(sentence)\(about)")
        } catch KeyRingError.malformedDocument {
            throw CommandFailure.failed(OpenedStore.damagedRing)
        } catch let error as RevocationLedgerError {
            throw CommandFailure.wrongConfiguration(error.explanation.string)
        } catch is StoreError {
            let why = database == nil ? "is the disk full?" : "is the database there?"
            throw CommandFailure.failed("the store cannot be written; \(why)")
        }
    }

    private func performThroughSocket(_ command: OperatorCommand) async throws -> JSONObject {
        guard let path = adminSocket ?? StoreLock.adminSocket(of: files) else {
            throw CommandFailure.failed("a running jobsworth owns \(files.database) but is not ready yet; try again")
        }
        return try await perform(command, throughSocket: path)
    }

    private func perform(_ command: OperatorCommand, throughSocket path: String) async throws -> JSONObject {
        let answer: HTTPFetcher.Answer
        do {
            answer = try await HTTPFetcher().post(command.document.serialized, toSocket: path, path: AdminPlane.path)
        } catch {
            // Who owned the store a moment ago may have been killed since.
            guard database != nil || (try? StoreLock(files)) == nil else { throw OwnerGone() }
            throw error
        }
        guard case .object(let object)? = try? JSONReader.read(answer.body, limits: HTTPFetcher.limits) else {
            throw CommandFailure.failed("the running jobsworth gave no answer that can be read")
        }
        guard answer.status == 200 else {
            let sentence = (try? object.text("error_description")) ?? nil
            let reason = (try? object.text("reason")) ?? nil
            throw CommandFailure.failed(
                "\(reason?.string ?? "failed"): \(sentence?.string ?? "status \(answer.status)")"
            )
        }
        return object
    }
}

extension OperatorCommand {
    /// Whether doing it twice is the same as doing it once.
    fileprivate var isRepeatable: Bool {
        switch self {
        case .listRunners, .listRepositories, .showKeys, .showPublication, .noteSighting, .showAudit: true
        // Of two approvals the first stands.
        case .listWaitingJobs, .approveJob: true
        case .keys(.rotate), .keys(.ask(.revoke)), .keys(.tokens), .keys(.drill), .keys(.auditHead): true
        case .keys, .addRunner, .rotateRunner, .revokeRunner, .forgetRepository, .renameRepository, .backUp: false
        }
    }
}
