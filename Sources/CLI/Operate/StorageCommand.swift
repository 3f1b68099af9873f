import ArgumentParser
import Foundation
import Issuer
import JOSE
import Logging
import Storage

#if PostgreSQL
import PostgresStorage
#endif

struct StorageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage",
        abstract: "Where keys, jobs and audit records lie.",
        subcommands: [Copy.self]
    )

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy a SQLite store into an empty PostgreSQL database.",
            discussion: """
                The issuer must not run. Everything goes along: keys, jobs, runners, repositories, secrets, what jobs used \
                of their grants, and the audit log with its chain, checked after; a copy that fails leaves nothing.

                Then start the replicas with the sealing key of the old store, and never the old store again.
                """
        )
        @Option(help: ArgumentHelp("The store to copy, as sqlite:PATH.", valueName: "url")) var from: String
        @Option(help: ArgumentHelp("The database, as postgres://USER@HOST/DATABASE.", valueName: "url")) var to: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            guard let source = StorageURL(from), source.database == nil else {
                throw CommandFailure.wrongConfiguration("--from must be sqlite:PATH")
            }
            guard SharedDatabase.isMeant(by: to) else {
                throw CommandFailure.wrongConfiguration("--to must be postgres://USER@HOST/DATABASE")
            }
            if let problem = SharedDatabase(url: to).problem { throw CommandFailure.wrongConfiguration(problem) }
            do {
                show(try copy(source.files), source.files)
            } catch let error as StoreFileError {
                throw error.failure
            }
        }

        private func show(_ counts: [String: Int64], _ files: StoreFiles) {
            let parts = StoreTable.all.map { ($0.name, counts[$0.name] ?? 0) }
            if json {
                let members = parts.map { (ByteString($0.0), JSONValue.integer($0.1)) }
                return StandardStreams.print(JSONObject(members).line)
            }
            StandardStreams.print(
                "copied and verified: " + parts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
                    + "\nstart each replica with sealing.keyFile: \(files.sealingKey)"
                    + "\nand keys.revocationLedger: \(files.revocations); do not start the old store again"
            )
        }

        #if PostgreSQL
        private func copy(_ files: StoreFiles) throws -> [String: Int64] {
            guard FileManager.default.fileExists(atPath: files.database) else {
                throw CommandFailure.failed("there is no store at \(files.database); check --from")
            }
            let lock = try StoreLock(files)
            defer { withExtendedLifetime(lock) {} }
            do {
                // Brings it to this version.
                try SQLiteStore(
                    path: files.database,
                    logger: Logger(label: "jobsworth") { _ in SwiftLogNoOpLogHandler() }
                )
                .close()
                let reader = try StoreReader(path: files.database)
                defer { reader.close() }
                let target = try PostgresImport(PostgresAddress(to))
                defer { target.close() }
                for table in StoreTable.all {
                    try reader.forEachPage(of: table) { rows in try target.take(rows, of: table) }
                }
                return try target.finish()
            } catch let error as PostgresStoreError {
                throw error.failure
            } catch let error as PostgresImportError {
                throw CommandFailure.failed(error.description)
            }
        }
        #else
        private func copy(_ files: StoreFiles) throws -> [String: Int64] { [:] }
        #endif
    }
}
