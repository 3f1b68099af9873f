import Agent
import Attestation
import Foundation
import Issuer
import JOSE
import Keys
import Logging
import SPIFFE
import Server
import ServiceLifecycle
import Storage

/// Puts the agent together and runs it until it is told to stop.
struct AgentProcess {
    private let path: String
    private let watched: WatchedFile
    private let configuration: AgentConfiguration
    private let initialise: Bool
    private let logger: Logger

    private var settings: AgentSettings { configuration.settings }

    init(path: String, initialise: Bool) throws {
        self.path = path
        self.initialise = initialise
        watched = WatchedFile(path: path)
        configuration = try AgentConfiguration(path: path)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        logger = Logger(label: "jobsworth.agent")
    }

    func run() async throws {
        // With seeds that are known, claims could be made of names that all collide in our tables.
        guard ProcessInfo.processInfo.environment["SWIFT_DETERMINISTIC_HASHING"] == nil else {
            throw CommandFailure.wrongConfiguration("SWIFT_DETERMINISTIC_HASHING is set; unset it")
        }
        warn(configuration)
        let certifier = AuthorityCertifier(
            trustDomain: settings.trustDomain,
            lifetime: AuthorityCertifier.lifetime(of: settings.schedule)
        )
        let place = OpenedStore.Place(
            files: settings.files,
            sealingKeyFile: settings.sealingKeyFile,
            revocationLedger: settings.revocationLedger,
            initialise: initialise,
            rules: RotationRules(schedule: settings.schedule, purposes: AgentSettings.purposes),
            certifier: certifier
        )
        let opened = try await OpenedStore.open(place, logger: logger)
        defer { opened.store.close() }
        let keys = try svidKeys(try await opened.signingKeys())
        try await serve(opened, keys)
    }

    private func serve(_ opened: OpenedStore, _ keys: SVIDKeys) async throws {
        let metrics = AgentMetrics()
        let issuerKeys = IssuerKeySource(logger: logger)
        issuerKeys.trust(configuration.policy.issuers)
        let issuer = issuer(opened, keys, issuerKeys)
        let documents = BundleDocuments(settings)
        let bundlePlane = BundlePlane(documents.all(of: keys.bundle))
        let custodian = try opened.custodian { [self] next, _ in
            guard let next = try? svidKeys(next) else { return }
            issuer.use(next)
            bundlePlane.publish(documents.all(of: next.bundle))
        }
        issuer.renewKeys { version in try? await custodian.refresh(after: version, at: .now) }
        let age = RingAge.ofOneProcess(settings.schedule.refreshInterval)
        let rotation = RotationService(
            custodian: custodian,
            interval: settings.schedule.refreshInterval,
            age: age,
            logger: logger
        )
        let clock = opened.clock
        let authority = GuardedAuthority(issuer: issuer, metrics: metrics) {
            clock.trusts(.now) && !age.isExceeded
        }
        let server = workloadServer(authority)
        let store = opened.store
        let readiness = Readiness { store.isWritable && clock.trusts(.now) && !age.isExceeded }
        let reloading = ReloadService("agent file", of: watched, logger: logger) { [self] in
            let next = try AgentConfiguration(path: path)
            warn(next)
            issuerKeys.trust(next.policy.issuers)
            issuer.use(next.policy)
        }
        let tls = try tlsIdentity()
        var services: [any Service] = [
            StoreService(store: store, lock: opened.lock), reloading,
            HangupService {
                tls?.reloadIfChanged()
                reloading.reload()
            },
        ]
        if let tls { services.append(tls) }
        let metricsPlane = MetricsPlane(readiness: readiness) { isReady in
            var gauges = AgentMetrics.Gauges()
            gauges.isReady = isReady
            gauges.isClockTrusted = clock.trusts(.now)
            gauges.keyRingVersion = Int(clamping: rotation.version)
            gauges.rotationFailures = rotation.failures
            gauges.policyFailures = reloading.failures
            gauges.openStreams = server.watches
            return metrics.exposition(gauges)
        }
        let desk = OperatorDesk(
            store: store,
            ledger: opened.ledger,
            keyDesk: opened.keyDesk(custodian, try await opened.requestTokenKey())
        )
        services.append(Listeners(try listeners(desk, metricsPlane, bundlePlane, opened.lock, tls)))
        services += [rotation, issuerKeys, server, ReadinessService(readiness: readiness)]
        try await ServiceRun(name: "agent", logger: logger).run(services)
        unlink(settings.adminSocket)
        withExtendedLifetime(opened.lock) {}
    }

    /// What is dangerous is said at every start and every change, loudly.
    private func warn(_ configuration: AgentConfiguration) {
        for warning in configuration.policy.warnings {
            logger.warning("dangerous configuration: \(warning.string)", metadata: ["file": "\(path)"])
        }
    }

    // MARK: - Parts

    private func svidKeys(_ keys: SigningKeys) throws -> SVIDKeys {
        do throws(SVIDRefusal) {
            return try SVIDKeys(keys, trustDomain: settings.trustDomain, algorithm: settings.jwtAlgorithm)
        } catch {
            throw CommandFailure.wrongConfiguration(
                "\(settings.files.database) is the store of an issuer or of another trust domain; "
                    + "give the agent a storage of its own"
            )
        }
    }

    private func issuer(
        _ opened: OpenedStore,
        _ keys: SVIDKeys,
        _ issuerKeys: any VerificationKeySource
    ) -> SVIDIssuer {
        SVIDIssuer(
            attestation: TokenAttestation(keys: issuerKeys),
            policy: configuration.policy,
            terms: SVIDTerms(
                maximumAfterToken: settings.maximumAfterToken.components.seconds,
                maximumLifetime: settings.maximumLifetime.components.seconds,
                jwtIssuer: settings.jwtIssuer
            ),
            keys: keys,
            log: AuditedSVIDs(auditLog: opened.store)
        ) { [logger] id, kind, lifetime in
            logger.notice(
                "SVID shortened: its token ends sooner than the policy's ttl",
                metadata: [
                    "spiffe.id": "\(id.text.string)", "svid.kind": "\(kind.rawValue)",
                    "lifetime": "\(lifetime.seconds)s",
                ]
            )
        }
    }

    private func workloadServer(_ authority: any WorkloadAuthority) -> WorkloadAPIServer {
        WorkloadAPIServer(
            authority: authority,
            socket: WorkloadSocket(path: settings.socket, mode: 0o666, allowedUIDs: settings.allowedUIDs),
            check: .standard,
            bundlesNeedEvidence: settings.bundlesNeedEvidence,
            limits: WorkloadAPILimits(connections: min(4096, OpenFiles.raiseLimit() - 256)),
            logger: logger
        ) { ClockReading.now.wall }
    }

    private func tlsIdentity() throws -> TLSIdentity? {
        guard let endpoint = settings.bundleEndpoint else { return nil }
        do {
            return try TLSIdentity(certificateFile: endpoint.certificate, keyFile: endpoint.key, logger: logger)
        } catch {
            throw CommandFailure.wrongConfiguration(
                "\(endpoint.certificate) and \(endpoint.key) are not a certificate chain and its key in PEM"
            )
        }
    }

    private func listeners(
        _ desk: OperatorDesk,
        _ metrics: MetricsPlane,
        _ bundle: BundlePlane,
        _ lock: StoreLock?,
        _ tls: TLSIdentity?
    ) throws -> [Listener] {
        let admin = settings.adminSocket
        try AdminSocket.makeRoom(at: admin)
        var all = [
            Listener(
                address: .unix(path: admin),
                plane: AdminPlane(desk: desk, logger: logger),
                load: ServerLoad(maximumRequests: 16, maximumConnections: 16)
            ) {
                lock?.publish(adminSocket: admin)
            }
        ]
        if let address = settings.metrics {
            all.append(
                Listener(
                    address: address,
                    plane: metrics,
                    load: ServerLoad(maximumRequests: 64, maximumConnections: 64)
                )
            )
        }
        if let endpoint = settings.bundleEndpoint {
            let load = ServerLoad(maximumRequests: 1024, maximumConnections: 1024)
            all.append(Listener(address: endpoint.listen, plane: bundle, load: load, tls: tls))
        }
        return all
    }
}
