import Foundation
import NIOCore

/// The processors that this process may use.
enum ProcessorShare {
    /// How many there are: by its control group's quota and set, and by its affinity.
    static var count: Int {
        max(1, min(System.coreCount, allowed ?? System.coreCount))
    }

    /// By the affinity that the process was started with, as by `taskset` or systemd's `CPUAffinity=`; nil where the
    /// kernel does not say.
    private static var allowed: Int? {
        var set = cpu_set_t()
        guard sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else { return nil }
        return withUnsafeBytes(of: set) { bytes in bytes.reduce(0) { $0 + $1.nonzeroBitCount } }
    }
}
