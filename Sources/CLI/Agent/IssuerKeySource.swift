import Attestation
import Foundation
import JOSE
import Keys
import Logging
import Server
import ServiceLifecycle
import Synchronization

/// The keys of trusted issuers, fetched before they are needed: drives a ``KeySetCache`` for each of them.
///
/// It serves while ``run()`` does; before and after that no keys can be had.
final class IssuerKeySource: VerificationKeySource, Service {
    private struct Entry {
        var cache = KeySetCache()
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private struct State {
        var entries: [KeyLocation: Entry] = [:]
        var isRunning = false
    }

    private let state = Mutex(State())
    private let fetcher = IssuerKeyFetcher()
    private let logger: Logger
    private let wanted: AsyncStream<KeyLocation>
    private let want: AsyncStream<KeyLocation>.Continuation

    /// How often it is seen whether a refresh is due.
    private static let interval: Duration = .seconds(1)

    init(logger: Logger) {
        self.logger = logger
        (wanted, want) = AsyncStream.makeStream()
    }

    /// Whether it serves.
    var isRunning: Bool { state.withLock { $0.isRunning } }

    /// From now on keys of these issuers are kept, and of no others.
    func trust(_ issuers: TrustedIssuers) {
        let locations = Set(issuers.all.map(\.keyLocation))
        let waiting = state.withLock { state in
            let dropped = state.entries.filter { !locations.contains($0.key) }
            for location in dropped.keys { state.entries[location] = nil }
            for location in locations where state.entries[location] == nil { state.entries[location] = Entry() }
            return dropped.values.flatMap(\.waiting)
        }
        for waiter in waiting { waiter.resume() }
    }

    // MARK: - Keys

    func keys(of issuer: TrustedIssuer, at now: NumericDate) async throws(SVIDRefusal) -> JWKSet {
        try await keys(issuer.keyLocation) {
            $0.request(at: now)
        } after: {
            $0.latest(at: now)
        }
    }

    func newerKeys(of issuer: TrustedIssuer, at now: NumericDate) async throws(SVIDRefusal) -> JWKSet {
        try await keys(issuer.keyLocation) {
            $0.requestNewer(at: now)
        } after: {
            $0.latestAfterLooking(at: now)
        }
    }

    private func keys(
        _ location: KeyLocation,
        _ ask: (inout KeySetCache) -> KeySetCache.Decision,
        after: (KeySetCache) -> KeySetCache.Answer
    ) async throws(SVIDRefusal) -> JWKSet {
        let decision = state.withLock { state -> KeySetCache.Decision? in
            guard state.isRunning, var entry = state.entries[location] else { return nil }
            let decision = ask(&entry.cache)
            state.entries[location] = entry
            return decision
        }
        guard let decision else { throw .issuerKeysUnavailable }
        if decision.startsFetch { want.yield(location) }
        var answer = decision.answer
        if answer == .awaitFetch {
            await endOfFetch(location)
            answer = state.withLock { state in state.entries[location].map { after($0.cache) } ?? .unavailable }
        }
        guard case .keys(let keys) = answer else { throw .issuerKeysUnavailable }
        return keys
    }

    private func endOfFetch(_ location: KeyLocation) async {
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                guard state.isRunning, state.entries[location]?.cache.isFetching == true else { return true }
                state.entries[location]?.waiting.append(waiter)
                return false
            }
            if isOver { waiter.resume() }
        }
    }

    // MARK: - Fetching

    /// Fetches what is due, and what somebody waits for, until it is cancelled or the agent shuts down.
    func run() async {
        await cancelWhenGracefulShutdown { [self] in
            state.withLock { $0.isRunning = true }
            await withDiscardingTaskGroup { group in
                group.addTask { await self.refreshAsDue() }
                for await location in wanted { group.addTask { await self.fetch(location) } }
                group.cancelAll()
            }
            stop()
        }
    }

    private func stop() {
        let waiting = state.withLock { state in
            let waiting = state.entries.values.flatMap(\.waiting)
            state = State()
            return waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    private func refreshAsDue() async {
        while !Task.isCancelled {
            let now = NumericDate.now
            let due = state.withLock { state in
                state.entries.keys.filter { state.entries[$0]?.cache.refresh(at: now) == true }
            }
            for location in due { want.yield(location) }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func fetch(_ location: KeyLocation) async {
        do throws(KeyFetchFailure) {
            let fetched = try await fetcher.fetch(location)
            end(location) { $0.fetched(fetched.keys, lifetime: fetched.lifetime, at: .now, using: &$1) }
            report(fetched, of: location)
        } catch {
            end(location) { $0.failed(at: .now, using: &$1) }
            guard !Task.isCancelled else { return }
            logger.warning(
                "the keys of an issuer cannot be fetched",
                metadata: ["issuer": "\(location.issuer)", "error.code": "\(error)", "error": "\(error.explanation)"]
            )
        }
    }

    private func end(
        _ location: KeyLocation,
        _ event: (inout KeySetCache, inout SystemRandomNumberGenerator) -> Void
    ) {
        var generator = SystemRandomNumberGenerator()
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard var entry = state.entries[location] else { return [] }
            event(&entry.cache, &generator)
            let waiting = entry.waiting
            entry.waiting = []
            state.entries[location] = entry
            return waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    private func report(_ fetched: FetchedKeys, of location: KeyLocation) {
        logger.info(
            "the keys of an issuer were fetched",
            metadata: ["issuer": "\(location.issuer)", "keys": "\(fetched.keys.keys.count)"]
        )
        for rejected in fetched.keys.rejected where rejected.error.isAlarming {
            logger.warning(
                "an issuer publishes a key that is not used",
                metadata: ["issuer": "\(location.issuer)", "error.code": "\(rejected.error.reason)"]
            )
        }
    }
}
