import Issuer
import JOSE
import Keys
import Logging
import Server
import ServiceLifecycle

/// Enters, once a second, the runners' lapsed credentials in the ledger; none while the clock is in doubt.
///
/// They are refused without waiting for it.
struct LapsedCredentialsService: Service {
    let credentials: LapsedCredentials
    let clock: ClockGuard
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown { [credentials, clock, logger] in
            var isFailing = false
            while !Task.isCancelled {
                let reading = ClockReading.now
                if clock.trusts(reading) {
                    let failure = await Self.failure { try await credentials.enter(at: reading.wall) }
                    if let failure, !isFailing {
                        logger.error(
                            "a restored backup may bring former credentials of runners back",
                            metadata: ["reason": "\(failure)"]
                        )
                    }
                    isFailing = failure != nil
                }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private static func failure(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? RevocationLedgerError)?.explanation.string ?? "the store cannot be read"
        }
    }
}
