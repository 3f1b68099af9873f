import Discovery
import Foundation
import Issuer
import JOSE
import Keys
import Logging
import NIOCore
import Policy
import Server
import ServiceLifecycle
import Storage

/// Puts the issuer together and runs it until it is told to stop.
struct IssuerProcess {
    private let configuration: ServeConfiguration
    private let logger: Logger

    init(_ configuration: ServeConfiguration) {
        self.configuration = configuration
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        logger = Logger(label: "jobsworth")
    }

    func run() async throws {
        // With seeds that are known, a registration could be made of names that all collide in our tables.
        guard ProcessInfo.processInfo.environment["SWIFT_DETERMINISTIC_HASHING"] == nil else {
            throw CommandFailure.wrongConfiguration("SWIFT_DETERMINISTIC_HASHING is set; unset it")
        }
        // As many event loops as processors that we may use: the default is as many as the machine has, and two on one
        // processor halve what is signed and committed together.
        NIOSingletons.groupLoopCountSuggestion = ProcessorShare.count
        let opened = try await OpenedStore.open(
            OpenedStore.Place(
                files: configuration.files,
                database: configuration.database,
                replica: configuration.replica,
                sealingKeyFile: configuration.sealingKeyFile,
                revocationLedger: configuration.revocationLedger,
                initialise: configuration.initialise,
                rules: configuration.rules
            ),
            logger: logger
        )
        defer { opened.store.close() }
        try await opened.store.setProviderMetadata(metadata.serialized)
        let keys = try await opened.signingKeys()
        let requestTokens = try await opened.requestTokenKey()
        try await serve(opened, keys: keys, requestTokens: requestTokens)
    }

    private func serve(_ opened: OpenedStore, keys: SigningKeys, requestTokens: RequestTokenKey) async throws {
        let store = opened.store
        let policy = PolicyFile(configuration)
        let issuer = tokenIssuer(store, keys, try policy?.read())
        let metrics = ServerMetrics()
        let age = ringAge
        let publicPlane = publicPlane(keys, age)
        let custodian = try custodian(of: opened, issuer, publicPlane)
        issuer.renewKeys { version in try? await custodian.refresh(after: version, at: .now) }
        let rotation = rotation(custodian, age)
        let hold = hold(opened, age)
        let readiness = Readiness { store.isWritable && issuer.canSign && hold(.now) == nil }
        let planes = PlaneSwitch(
            publicPlane: publicPlane,
            runnerPlane: runnerPlane(store, issuer, requestTokens, metrics, hold)
        )
        let desk = OperatorDesk(
            store: store,
            ledger: opened.ledger,
            keyDesk: opened.keyDesk(custodian, requestTokens),
            issuer: issuer
        )
        var services: [any Service] = [
            StoreService(store: store, lock: opened.lock), LapsedJobsService(jobs: store, clock: opened.clock),
            EndedJobsService(store: store, clock: opened.clock, retention: configuration.retention),
            LapsedCredentialsService(
                credentials: LapsedCredentials(runners: store, ledger: opened.ledger),
                clock: opened.clock,
                logger: logger
            ),
        ]
        let tls = try tlsIdentity()
        let reloading = policy.map { file in
            ReloadService("policy", of: file.watched, logger: logger) { [configuration] in
                issuer.use(TokenPlanner(configuration, try file.read()))
            }
        }
        if configuration.database != nil {
            services.append(
                SharedSecretService(secrets: store, sealer: opened.sealer, requestTokens: requestTokens)
            )
        }
        services.append(
            HangupService {
                tls?.reloadIfChanged()
                reloading?.reload()
            }
        )
        if let reloading { services.append(reloading) }
        if let tls { services.append(tls) }
        let metricsPlane = MetricsPlane(readiness: readiness) { isReady in
            var gauges = ServerMetrics.Gauges()
            gauges.isReady = isReady
            gauges.liveJobs = store.liveJobCount
            gauges.isClockTrusted = opened.clock.trusts(.now)
            gauges.keyRingVersion = Int(clamping: rotation.version)
            gauges.rotationFailures = rotation.failures
            gauges.policyFailures = reloading?.failures ?? 0
            return metrics.exposition(gauges)
        }
        services.append(Listeners(try listeners(planes, desk, metricsPlane, opened.lock, tls)))
        // After the listeners: a key counts as published once it is really served.
        services.append(rotation)
        services.append(ReadinessService(readiness: readiness))
        try await ServiceRun(name: "issuer", logger: logger).run(services)
        unlink(configuration.adminSocket)
        withExtendedLifetime(opened.lock) {}
    }

    // MARK: - Parts

    private func tokenIssuer(_ store: any IssuerStore, _ keys: SigningKeys, _ policy: PolicySet?) -> TokenIssuer {
        TokenIssuer(
            planner: TokenPlanner(configuration, policy),
            claims: TokenClaims(issuer: configuration.issuer, forgeURL: configuration.forgeURL),
            auditLog: store,
            keys: keys,
            jobJWTAudiences: configuration.jobJWTAudiences
        )
    }

    /// What keeps this process's signing and its JWK Set in step with the ring.
    private func custodian(
        of opened: OpenedStore,
        _ issuer: TokenIssuer,
        _ publicPlane: PublicPlane
    ) throws -> KeyCustodian {
        let schedule = configuration.rules.schedule
        return try opened.custodian { keys, nextChangeAt in
            let age = CacheLifetime.jwkSet(schedule, nextChangeAt: nextChangeAt, at: .now)
            publicPlane.publish(jwkSet: .jwkSet(keys.ring.published, maximumAge: age))
            issuer.use(keys)
        }
    }

    /// Others may change a ring that is shared: it is looked at three times in the time that it may be old.
    private func rotation(_ custodian: KeyCustodian, _ age: RingAge) -> RotationService {
        let interval = configuration.rules.schedule.refreshInterval
        return RotationService(
            custodian: custodian,
            interval: configuration.database == nil ? interval : interval / 3,
            age: age,
            logger: logger
        )
    }

    private var ringAge: RingAge {
        let interval = configuration.rules.schedule.refreshInterval
        return configuration.database == nil ? .ofOneProcess(interval) : RingAge(bound: interval)
    }

    private func hold(_ opened: OpenedStore, _ age: RingAge) -> @Sendable (ClockReading) -> IssuanceHold? {
        { [clock = opened.clock, store = opened.store] reading in
            if !clock.trusts(reading) || !store.isClockRight { return .clockUncertain }
            return age.isExceeded ? .keysStale : nil
        }
    }

    private var metadata: ProviderMetadata {
        ProviderMetadata(
            issuer: configuration.issuer,
            tokenEndpoint: configuration.runnerURL.url("/token"),
            claims: TokenClaims.supported
        )
    }

    private func publicPlane(_ keys: SigningKeys, _ age: RingAge) -> PublicPlane {
        PublicPlane(
            issuer: configuration.issuer,
            metadata: .providerMetadata(metadata),
            jwkSet: .jwkSet(keys.ring.published, maximumAge: 1),
            isOld: { age.isExceeded }
        )
    }

    private func runnerPlane(
        _ store: any IssuerStore,
        _ issuer: TokenIssuer,
        _ requestTokens: RequestTokenKey,
        _ metrics: ServerMetrics,
        _ hold: @escaping @Sendable (ClockReading) -> IssuanceHold?
    ) -> RunnerPlane {
        RunnerPlane(
            url: configuration.runnerURL,
            registrar: JobRegistrar(jobs: store, auditLog: store, issuer: issuer),
            issuer: issuer,
            authentication: CallerAuthentication(
                runners: store,
                jobs: store,
                auditLog: store,
                requestTokens: requestTokens
            ),
            requestTokens: requestTokens,
            metrics: metrics,
            rates: JobRates(configuration.jobRate),
            hold: hold,
            logger: logger
        )
    }

    private func tlsIdentity() throws -> TLSIdentity? {
        guard let files = configuration.tls else { return nil }
        do {
            return try TLSIdentity(certificateFile: files.certificate, keyFile: files.key, logger: logger)
        } catch {
            throw CommandFailure.wrongConfiguration(
                "\(files.certificate) and \(files.key) are not a certificate chain and its key in PEM"
            )
        }
    }

    private func listeners(
        _ planes: PlaneSwitch,
        _ desk: OperatorDesk,
        _ metrics: MetricsPlane,
        _ lock: StoreLock?,
        _ tls: TLSIdentity?
    ) throws -> [Listener] {
        let load = ServerLoad(maximumRequests: 4096, maximumConnections: OpenFiles.raiseLimit() - 256)
        var all = [try adminListener(desk, lock)]
        if let address = configuration.metrics {
            all.append(listener(address, metrics, ServerLoad(maximumRequests: 64, maximumConnections: 64), nil))
        }
        guard let runnerAddress = configuration.runnerListen else {
            return all + [listener(configuration.listen, planes, load, tls)]
        }
        return all + [
            listener(runnerAddress, planes.runnerPlane, load, tls),
            listener(configuration.listen, planes.publicPlane, load, tls),
        ]
    }

    private func listener(
        _ address: ListenAddress,
        _ plane: any Plane,
        _ load: ServerLoad,
        _ tls: TLSIdentity?
    ) -> Listener {
        Listener(
            address: address,
            plane: plane,
            load: load,
            tls: tls,
            hasFastPath: configuration.hasFastPath
        ) { [logger] in
            logger.info("listening", metadata: ["address": "\(address)"])
        }
    }

    private func adminListener(_ desk: OperatorDesk, _ lock: StoreLock?) throws -> Listener {
        let path = configuration.adminSocket
        // Those that dead replicas left.
        if configuration.database != nil { _ = AdminSocket.ofAnyReplica(configuration.files) }
        try AdminSocket.makeRoom(at: path)
        return Listener(
            address: .unix(path: path),
            plane: AdminPlane(desk: desk, logger: logger),
            load: ServerLoad(maximumRequests: 16, maximumConnections: 16)
        ) {
            lock?.publish(adminSocket: path)
        }
    }
}
