import Agent
import JOSE
import Keys
import SPIFFE
import Server

/// Keeps files of SVIDs fresh for as long as it runs.
struct SVIDHelper: Sendable {
    let settings: HelperSettings
    let source: WorkloadAPISource
    let files: HelperFiles
    let status: HelperStatus
    let notice: RenewalNotice

    init(_ settings: HelperSettings, source: WorkloadAPISource, wrapped: ChildProcess?) throws {
        self.settings = settings
        self.source = source
        let folder = try SafeOutputFolder(settings.folder)
        try folder.claim()
        let files = HelperFiles(settings: settings, folder: folder)
        self.files = files
        status = HelperStatus(
            wantsX509: settings.x509 != nil,
            jwtPaths: settings.jwtNames.map(files.path),
            wantsListener: settings.isDaemon && settings.healthChecks != nil
        )
        notice = RenewalNotice(settings, wrapped: wrapped)
    }

    /// Goes on until it is cancelled.
    ///
    /// - Throws: ``CommandFailure`` where another try would end alike.
    func keep() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if settings.x509 != nil { group.addTask { try await keepX509() } }
                if let name = settings.jwtBundle { group.addTask { try await keepJWTBundle(name) } }
                for file in settings.jwtFiles { group.addTask { try await keepJWT(file) } }
                try await group.waitForAll()
            }
        } catch {
            status.giveUp(error)
            throw error
        }
    }

    // MARK: - Each kind of file

    private func keepX509() async throws {
        let watch = WorkloadWatch(source: source) { failure in
            status.setX509(.failed)
            StandardStreams.complain(failure.message)
        }
        try await watch.follow { connection, came in
            try await connection.watchX509SVIDs { received in
                came()
                await take {
                    try await writeX509(received)
                } failed: {
                    status.setX509(.failed)
                }
            }
        }
    }

    private func keepJWTBundle(_ name: String) async throws {
        let path = files.path(of: name)
        let watch = WorkloadWatch(source: source) { failure in
            status.setJWT(path, .failed)
            StandardStreams.complain(failure.message)
        }
        try await watch.follow { connection, came in
            try await connection.watchJWTBundles { received in
                came()
                await take {
                    try await writeJWTBundle(received, path)
                } failed: {
                    status.setJWT(path, .failed)
                }
            }
        }
    }

    private func keepJWT(_ file: HelperSettings.JWTFile) async throws {
        var pauses = RetryPause.ofDaemon
        while !Task.isCancelled {
            do {
                let expiresAt = try await writeJWT(file)
                pauses.reset()
                try? await Task.sleep(for: JWTRefresh.pause(expiresAt: expiresAt, now: .now))
            } catch {
                if Task.isCancelled { return }
                let failure = CommandFailure.of(error, at: source.endpoint)
                status.setJWT(files.path(of: file.name), .failed)
                guard WorkloadWatch.isWorthAnotherTry(error) else { throw failure }
                StandardStreams.complain(failure.message)
                try? await Task.sleep(for: pauses.take())
            }
        }
    }

    /// What cannot be written is complained of, and what is there stays: the stream goes on to the next.
    private func take(_ work: () async throws -> Void, failed: () -> Void) async {
        do {
            try await work()
        } catch {
            failed()
            StandardStreams.complain((error as? CommandFailure)?.message ?? "an update could not be written")
        }
    }

    // MARK: - Once each

    func writeX509(_ received: ReceivedX509SVIDs) async throws {
        let id = try await files.write(received, at: .now)
        let name = id?.text.string ?? "an X.509-SVID"
        await written("\(name) was written to \(settings.folder)", isRenewal: status.setX509(.written))
    }

    func writeJWTBundle(_ received: ReceivedJWTBundles, _ path: String) async throws {
        try files.write(received)
        await written("\(path) was written", isRenewal: status.setJWT(path, .written))
    }

    /// Fetches and writes; when the token expires.
    func writeJWT(_ file: HelperSettings.JWTFile) async throws -> NumericDate {
        let audiences = file.audiences.map { ByteString($0) }
        let received = try await source.connected { try await $0.jwtSVIDs(audiences: audiences) }
        let expiresAt = try files.write(received, as: file.name)
        let path = files.path(of: file.name)
        await written("\(path) was written", isRenewal: status.setJWT(path, .written))
        return expiresAt
    }

    private func written(_ sentence: String, isRenewal: Bool) async {
        guard settings.isDaemon else { return }
        StandardStreams.complain(sentence)
        if isRenewal { await notice.renewed() }
    }
}
