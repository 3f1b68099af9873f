#if PostgreSQL
// A PostgreSQL server of the test run's own, gone with it.

import Foundation
import JOSE
import Logging
import PostgresStorage

extension PostgresStore: TestedStore {}

/// One cluster a run, each store in a database of its own.
final class TemporaryCluster: Sendable {
    static let shared = Result { try TemporaryCluster() }

    struct Failure: Error {
        let message: String
    }

    private let folder: String
    private let server: Process

    /// Starts a server that nobody but us reaches; it ends when its standard input does, however we end.
    private init() throws {
        folder = "/tmp/jw-pg-" + UUID().uuidString.prefix(8)
        server = Process()
        server.executableURL = URL(fileURLWithPath: "/bin/bash")
        server.arguments = ["-c", Self.script, "cluster", folder]
        let (input, output) = (Pipe(), Pipe())
        server.standardInput = input
        server.standardOutput = output
        try server.run()
        let ready = output.fileHandleForReading.availableData
        guard String(decoding: ready, as: UTF8.self).hasPrefix("ready") else {
            throw Failure(message: "PostgreSQL did not start; run: make packages")
        }
    }

    /// `initdb` refuses root.
    private static let script = """
        set -eu
        folder=$1
        as=()
        mkdir -m 700 "$folder"
        if [ "$(id -u)" = 0 ]; then chown nobody "$folder"; as=(setpriv --reuid=nobody --clear-groups); fi
        PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -1)
        cd "$folder"
        exec 3>&1 >>"$folder.log" 2>&1
        "${as[@]}" initdb -D "$folder/data" -A trust -U jobsworth -E UTF8 --locale=C --no-sync
        "${as[@]}" postgres -D "$folder/data" -k "$folder" -c listen_addresses= -c max_connections=400 -c fsync=off &
        server=$!
        trap 'kill -INT $server; wait $server; rm -rf "$folder" "$folder.log"' EXIT
        until psql -h "$folder" -U jobsworth -c 'SELECT 1' postgres; do kill -0 $server; sleep 0.05; done
        echo ready >&3
        cat <&0 >/dev/null
        """

    func address(database: String, settings: String = "") throws -> PostgresAddress {
        try PostgresAddress("postgres://jobsworth@/\(database)?host=\(folder)\(settings)")
    }

    /// Runs SQL as another program would; answers what psql prints of the rows.
    @discardableResult
    func run(_ sql: String, database: String = "postgres") throws -> [String] {
        let psql = Process()
        psql.executableURL = URL(fileURLWithPath: "/usr/bin/psql")
        psql.arguments = ["-h", folder, "-U", "jobsworth", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, database]
        let (output, errors) = (Pipe(), Pipe())
        psql.standardOutput = output
        psql.standardError = errors
        try psql.run()
        let rows = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        psql.waitUntilExit()
        guard psql.terminationStatus == 0 else { throw Failure(message: String(decoding: complaint, as: UTF8.self)) }
        return String(decoding: rows, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The store of a test's folder, its database made where it is not there yet.
    static func open(_ folder: TemporaryFolder, replica: ByteString = "tests") throws -> PostgresStore {
        let cluster = try shared.get()
        let name = database(of: folder)
        if try cluster.run("SELECT 1 FROM pg_database WHERE datname = '\(name)'").isEmpty {
            try cluster.run("CREATE DATABASE \"\(name)\"")
        }
        return try PostgresStore(
            cluster.address(database: name),
            replica: replica,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    static func database(of folder: TemporaryFolder) -> String {
        (folder.path as NSString).lastPathComponent
    }
}
#endif
