import ArgumentParser
import Discovery
import Foundation
import Issuer
import JOSE
import Publication

struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Write the discovery document and the JWK Set as static files, and read them back.",
        discussion: """
            The places are those of publication.places in the configuration file: folders, S3-compatible buckets, \
            servers that take PUT. Safe to run from cron. Exit code 0 only if every place holds what was written.
            """
    )

    @Option(help: ArgumentHelp("One folder, named directory, instead of the configured places.", valueName: "dir"))
    var directory: String?

    @OptionGroup var store: StorageOptions

    func run() async throws {
        let places = try OpenedPlaces(settings(), environment: ProcessInfo.processInfo.environment).places
        let connection = try OperatorConnection(store)
        let files = try await PublicationAnswer.files(connection.perform(.showPublication))
        let reports = await Publisher(files).publish(to: places)
        let unrecorded = await record(reports, connection)
        show(reports)
        let failures = reports.compactMap(\.failure) + unrecorded
        guard failures.isEmpty else { throw CommandFailure.failed(failures.joined(separator: "\njobsworth: ")) }
    }

    private func settings() throws -> [PlaceSettings] {
        let configured = try store.sources().file.publication.places
        if let directory { return [PlaceSettings(name: "directory", kind: .directory(directory), url: nil)] }
        guard !configured.isEmpty else {
            throw CommandFailure.wrongConfiguration(
                "no place is configured; name one under publication.places in --config FILE, or give --directory DIR"
            )
        }
        return configured
    }

    /// Tells the issuer what verifiers can find where: a key is not to sign before.
    private func record(_ reports: [PlaceReport], _ connection: OperatorConnection) async -> [String] {
        var failures: [String] = []
        for report in reports {
            guard case .success(let kids) = report.outcome else { continue }
            do {
                _ = try await connection.perform(.noteSighting(place: report.name, kids: kids))
            } catch {
                let reason = (error as? CommandFailure)?.message ?? "the issuer did not answer"
                failures.append("what \(report.name) holds could not be recorded: \(reason)")
            }
        }
        return failures
    }

    private func show(_ reports: [PlaceReport]) {
        if store.json {
            let rows = JSONValue.array(reports.map { .object($0.document) })
            return StandardStreams.print(JSONObject([("places", rows)]).line)
        }
        reports.forEach { StandardStreams.print($0.line) }
    }
}

extension PlaceReport {
    fileprivate var failure: String? {
        guard case .failure(let error) = outcome else { return nil }
        return "\(name): \(error.explanation)"
    }

    fileprivate var line: String {
        switch outcome {
        case .success(let kids): "\(name)  published and read back  \(kids.count) key\(kids.count == 1 ? "" : "s")"
        case .failure(let error): "\(name)  failed: \(error.explanation)"
        }
    }

    fileprivate var document: JSONObject {
        var object = JSONObject([("name", .string(name))])
        switch outcome {
        case .success(let kids):
            object["published"] = .bool(true)
            object["kids"] = .array(kids.map { .string($0) })
        case .failure(let error):
            object["published"] = .bool(false)
            object["reason"] = .string(error.reason)
            object["message"] = .string(ByteString(error.explanation))
        }
        return object
    }
}
