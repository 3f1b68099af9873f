import Foundation
import Issuer
import JOSE
import Logging
import Server
import Storage

/// Takes an operator's command to the store: through the admin socket while a process owns it, else directly.
struct OperatorConnection {
    private let files: StoreFiles
    private let adminSocket: String?

    init(_ options: StorageOptions) throws {
        let sources = try options.sources()
        guard let url = StorageURL(sources[.storage]) else {
            throw CommandFailure.wrongConfiguration("--storage must be sqlite:PATH")
        }
        files = url.files
        adminSocket = try sources[.admin].map { text in
            guard text.hasPrefix("unix:") else { throw CommandFailure.wrongConfiguration("--admin must be unix:PATH") }
            return String(text.dropFirst(5))
        }
    }

    func perform(_ command: OperatorCommand) async throws -> JSONObject {
        try refuseMissingStore(command)
        do {
            try files.prepareFolder()
            let lock = try StoreLock(files)
            defer { withExtendedLifetime(lock) {} }
            return try await performDirectly(command)
        } catch StoreFileError.ownedByAnother {
            return try await performThroughSocket(command)
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

    private func performDirectly(_ command: OperatorCommand) async throws -> JSONObject {
        var logger = Logger(label: "jobsworth")
        logger.logLevel = .critical
        let store = try SQLiteStore(path: files.database, logger: logger)
        defer { store.close() }
        let desk = OperatorDesk(keys: store, runners: store, repositories: store, auditLog: store)
        do {
            return try await desk.perform(command, at: .now)
        } catch let refusal as Refusal {
            let about = refusal.about.isEmpty ? "" : ": \(refusal.about.string)"
            throw CommandFailure.failed("\(refusal.reason.rawValue)\(about)")
        }
    }

    private func performThroughSocket(_ command: OperatorCommand) async throws -> JSONObject {
        guard let path = adminSocket ?? StoreLock.adminSocket(of: files) else {
            throw CommandFailure.failed("a running jobsworth owns \(files.database) but is not ready yet; try again")
        }
        let fetcher = HTTPFetcher()
        let answer = try await fetcher.post(command.document.serialized, toSocket: path, path: AdminPlane.path)
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
