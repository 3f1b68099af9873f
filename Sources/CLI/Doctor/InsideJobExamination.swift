import Foundation
import Storage

/// Looks for a runner's credential, and for what would give one, as the code of a job could.
struct InsideJobExamination {
    private var hints: Hints
    private let sources: ConfigurationSources
    private let environment = ProcessInfo.processInfo.environment

    init(hints: Hints, sources: ConfigurationSources) {
        self.hints = hints
        self.sources = sources
    }

    func findings() async throws -> [DoctorFinding] {
        var hints = hints
        // First, before we open anything ourselves.
        let descriptors = InheritedDescriptors()
        var findings = variables(&hints)
        findings += OtherProcesses().examine(&hints)
        findings += descriptors.findings(brokers: hints.brokers)
        findings += credentialFiles(hints)
        findings += await brokers(hints)
        return try await findings + stores(hints)
    }

    // MARK: - Our own process

    private func variables(_ hints: inout Hints) -> [DoctorFinding] {
        hints.take(environment: environment.map { $0 + "=" + $1 })
        let found = environment.filter { CredentialSearch.isFound(in: Array($0.value.utf8)) }.keys.sorted()
        if found.isEmpty { return [.ok(.environment, "\(environment.count) variables: none holds a credential")] }
        return found.map { .reached(.environment, "the variable \($0) holds one") }
    }

    // MARK: - Files

    private func credentialFiles(_ hints: Hints) -> [DoctorFinding] {
        let files = hints.credentialFiles.sorted().map { path -> DoctorFinding in
            switch CredentialSearch.outcome(ofFile: path) {
            case .unreadable: .ok(.credentialFiles, "\(path) cannot be read")
            case .none: .ok(.credentialFiles, "\(path) holds none")
            case .found: .reached(.credentialFiles, "\(path) holds one and can be read")
            }
        }
        let folders = usualFolders.map { path -> DoctorFinding in
            if case .found = CredentialSearch.outcome(ofFolder: path) {
                return .reached(.credentialFiles, "a file in \(path) holds one and can be read")
            }
            return .ok(.credentialFiles, "no file in \(path) gives one")
        }
        return files + folders
    }

    private var usualFolders: [String] {
        var folders = [
            "/etc/jobsworth", "/etc/ci", "/var/lib/jobsworth", "/var/lib/jobsworth-broker", "/run/jobsworth-broker",
            "/run/secrets",
        ]
        if let home = environment["HOME"] { folders += [home + "/.config/jobsworth", home + "/.jobsworth"] }
        return folders
    }

    // MARK: - Sockets

    private func brokers(_ hints: Hints) async -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for path in hints.brokers.union(["/run/jobsworth-broker/broker.sock"]).sorted() {
            let isReached = await answers(path, "/v1/jobs")
            findings.append(
                isReached
                    ? .reached(.broker, "the broker at \(path) takes this user's requests")
                    : .ok(.broker, "\(path) gives no answer")
            )
        }
        return findings
    }

    private func stores(_ hints: Hints) async throws -> [DoctorFinding] {
        guard let configured = StorageURL(sources[.storage], directory: sources[.storageDirectory]) else {
            throw CommandFailure.wrongConfiguration(StorageURL.forms)
        }
        let databases = hints.databases.union([configured.files.database, "/var/lib/jobsworth/issuer.sqlite"])
        var findings: [DoctorFinding] = []
        var sockets = Set(
            [sources[.admin]].compactMap { $0?.split(separator: ":", maxSplits: 1).last.map(String.init) }
        )
        for database in databases.sorted() {
            let files = StoreFiles(database: database)
            findings.append(store(files))
            sockets.insert(StoreLock.adminSocket(of: files) ?? files.adminSocket)
        }
        for path in sockets.sorted() {
            let isReached = await answers(path, "/command")
            findings.append(
                isReached
                    ? .reached(.admin, "the admin socket \(path) takes this user's commands")
                    : .ok(.admin, "\(path) gives no answer")
            )
        }
        return findings
    }

    private func store(_ files: StoreFiles) -> DoctorFinding {
        let secrets = [files.database, files.database + "-wal", sources[.sealingKeyFile] ?? files.sealingKey]
        let readable = secrets.filter { access($0, R_OK) == 0 }
        return readable.isEmpty
            ? .ok(.store, "\(files.database) and its sealing key cannot be read")
            : .reached(.store, "\(readable.joined(separator: ", ")) can be read")
    }

    /// Whether a server takes our request; it is one that changes nothing.
    private func answers(_ path: String, _ target: String) async -> Bool {
        guard SocketFile.isAnswered(path) else { return false }
        return (try? await HTTPFetcher().send("GET", toSocket: path, path: target)) != nil
    }
}
