import Foundation

/// How many files the process may have open, connections included.
enum OpenFiles {
    /// Raises the limit as far as it goes without privilege; answers it, 320 to 20,256.
    ///
    /// What is not for connections (256) is for the store, the logs, the metrics and the admin socket.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 512 }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(resource, &limit) != 0 { _ = getrlimit(resource, &limit) }
        return max(320, min(20_256, Int(clamping: limit.rlim_cur)))
    }
}
