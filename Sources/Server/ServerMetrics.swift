import Issuer
import JOSE
import Synchronization

/// Counters with labels from closed sets only: never a repository, a runner or a job.
package final class ServerMetrics: Sendable {
    private struct Counts {
        var tokens: [SigningAlgorithm: Int] = [:]
        var refusals: [RefusalReason: Int] = [:]
        var answers: [UInt: Int] = [:]
        var registrations = 0
        var unauthenticated = 0
        var unavailable = 0
    }

    /// What is asked for when metrics are read.
    package struct Gauges: Sendable {
        package var liveJobs = 0
        package var isReady = false
        package var isClockTrusted = true
        package var keyRingVersion = 0
        package var rotationFailures = 0
        package var policyFailures = 0

        package init() {}
    }

    private let counts = Mutex(Counts())

    package init() {}

    func countToken(_ algorithm: SigningAlgorithm) { counts.withLock { $0.tokens[algorithm, default: 0] += 1 } }
    func countRefusal(_ reason: RefusalReason) { counts.withLock { $0.refusals[reason, default: 0] += 1 } }
    func countAnswer(status: UInt) { counts.withLock { $0.answers[status, default: 0] += 1 } }
    func countRegistration() { counts.withLock { $0.registrations += 1 } }
    func countUnavailable() { counts.withLock { $0.unavailable += 1 } }

    /// The number of credentials refused so far.
    func countUnauthenticated() -> Int {
        counts.withLock { counts in
            counts.unauthenticated += 1
            return counts.unauthenticated
        }
    }

    /// Prometheus' text format, version 0.0.4.
    package func exposition(_ gauges: Gauges) -> String {
        let counts = counts.withLock { $0 }
        var text = MetricsText()
        text.add("jobsworth_tokens_total", "counter", "Tokens released, by algorithm.") {
            SigningAlgorithm.allCases.map { ("algorithm=\"\($0.rawValue)\"", counts.tokens[$0] ?? 0) }
        }
        text.add("jobsworth_refusals_total", "counter", "Requests of known callers refused, by reason.") {
            RefusalReason.allCases.map { ("reason=\"\($0.rawValue)\"", counts.refusals[$0] ?? 0) }
        }
        text.add("jobsworth_runner_plane_answers_total", "counter", "Answers of the runner plane, by status.") {
            counts.answers.sorted { $0.key < $1.key }.map { ("status=\"\($0.key)\"", $0.value) }
        }
        text.add("jobsworth_registrations_total", "counter", "Jobs registered.") { [("", counts.registrations)] }
        text.add("jobsworth_unauthenticated_total", "counter", "Unknown or dead credentials presented.") {
            [("", counts.unauthenticated)]
        }
        text.add("jobsworth_unavailable_total", "counter", "Requests that the store could not serve.") {
            [("", counts.unavailable)]
        }
        text.add("jobsworth_live_jobs", "gauge", "Jobs that have not ended.") { [("", gauges.liveJobs)] }
        text.add("jobsworth_ready", "gauge", "1 while tokens can be issued.") { [("", gauges.isReady ? 1 : 0)] }
        text.add("jobsworth_clock_trusted", "gauge", "0 while the wall clock is in doubt and no token is issued.") {
            [("", gauges.isClockTrusted ? 1 : 0)]
        }
        text.add("jobsworth_key_ring_version", "gauge", "The version of the key ring in use.") {
            [("", gauges.keyRingVersion)]
        }
        text.add("jobsworth_key_rotation_failures_total", "counter", "Turns of the rotation that failed.") {
            [("", gauges.rotationFailures)]
        }
        text.add("jobsworth_policy_failures_total", "counter", "Policy files that could not be taken over.") {
            [("", gauges.policyFailures)]
        }
        text.add("jobsworth_alarms_total", "counter", "Refusals that somebody should look at, by reason.") {
            RefusalReason.allCases.filter(\.isAlarm)
                .map { ("reason=\"\($0.rawValue)\"", counts.refusals[$0] ?? 0) }
        }
        return text.lines
    }
}
