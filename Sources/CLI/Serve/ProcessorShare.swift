import CLinux
import NIOCore

/// The processors that this process may use.
enum ProcessorShare {
    /// How many there are: by its control group's quota and set, and by the affinity that it was started with, as by
    /// `taskset` or systemd's `CPUAffinity=`.
    static var count: Int {
        let allowed = Int(jobsworth_allowed_processors())
        return max(1, min(System.coreCount, allowed > 0 ? allowed : System.coreCount))
    }
}
