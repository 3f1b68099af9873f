import ArgumentParser
import Foundation
import Issuer
import JOSE
import Keys
import Logging
import Server
import Storage

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup in the place of the store; the issuer must not run.",
        discussion: """
            All jobs end. Keys and runners that the ledger of revocations names stay revoked. Standbys wait for their \
            lead again. Where the store holds more than the backup, nothing is done without --accept-loss.
            """
    )
    @Argument(help: ArgumentHelp("What jobsworth backup wrote.", valueName: "file")) var file: String
    @Flag(help: "Go back in time: what the store holds beyond the backup is lost.") var acceptLoss = false
    @OptionGroup var store: StorageOptions

    func run() async throws {
        let sources = try store.sources()
        let url = try StorageURL(sources)
        guard url.database == nil else {
            throw CommandFailure.failed(
                "a store on PostgreSQL is restored by pg_restore or psql, with all replicas stopped; "
                    + "then run: jobsworth keys revoke for each key that was revoked since"
            )
        }
        do {
            let report = try restore(url.files, sources)
            StandardStreams.print(store.json ? report.line : Self.text(report))
        } catch let error as StoreFileError {
            throw error.failure
        } catch let error as RevocationLedgerError {
            throw CommandFailure.wrongConfiguration(error.explanation.string)
        }
    }

    private func restore(_ files: StoreFiles, _ sources: ConfigurationSources) throws -> JSONObject {
        let backup = try StoreBackup(path: URL(fileURLWithPath: file).path)
        try refuseWrongSealingKey(backup, SealingKeyFile(path: sources[.sealingKeyFile] ?? files.sealingKey))
        try files.prepareFolder()
        let lock = try StoreLock(files)
        defer { withExtendedLifetime(lock) {} }
        let restoration = StoreRestoration(backup, to: files)
        let present = try restoration.present()
        try refuseLoss(of: present, backup.summary)
        let ledger = RevocationLedgerFile(path: sources[.revocationLedger] ?? files.revocations)
        try ledger.add(Set(try restoration.lapsedCredentials(at: .now).map(Revocation.init(of:))), at: .now)
        let refused = try restoration.perform(
            refusing: try ledger.revocations(),
            above: present?.ring.version ?? 0,
            at: .now
        )
        return JSONObject([
            ("records", .integer(backup.summary.records)),
            ("keys_refused", .integer(Int64(refused.keys))), ("runners_refused", .integer(Int64(refused.runners))),
        ])
    }

    /// A backup that this sealing key does not open would leave an issuer that can't start.
    private func refuseWrongSealingKey(_ backup: StoreBackup, _ file: SealingKeyFile) throws {
        let sealer = try AESGCMKeySealer(keyEncryptionKey: file.key())
        guard (try? SigningKeys(opening: backup.summary.ring, with: sealer)) != nil,
            backup.summary.secrets.allSatisfy({ _, secret in
                (try? sealer.unseal(secret, context: RequestTokenKey.sealingContext)) != nil
            })
        else {
            throw CommandFailure.wrongConfiguration(
                "\(file.path) is not the sealing key of this backup; put the right file there, nothing was changed"
            )
        }
    }

    private func refuseLoss(of present: StoreSummary?, _ backup: StoreSummary) throws {
        if let last = backup.lastRecordAt, last.string > NumericDate.now.advanced(bySeconds: 300).internetDate.string {
            throw CommandFailure.failed(
                "the backup is of \(last.string), which the clock says is to come; set the clock right"
            )
        }
        guard let present, !acceptLoss else { return }
        guard present.records <= backup.records, present.ring.version <= backup.ring.version else {
            throw CommandFailure.failed(
                "the store went on after this backup: \(max(0, present.records - backup.records)) audit records, up to \(present.lastRecordAt?.string ?? "now"), and key ring version \(present.ring.version) instead of \(backup.ring.version) would be lost; say --accept-loss if they may be"
            )
        }
    }

    private static func text(_ report: JSONObject) -> String {
        "restored: \(report.shown("records")) audit records; \(report.shown("keys_refused")) keys and \(report.shown("runners_refused")) runners stay revoked; all jobs ended. Now start jobsworth serve"
    }
}
