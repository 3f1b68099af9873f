import CLinux
import Foundation

/// The environment of a job's command, as bytes: ours without what is the runner's, and what the job is given.
struct JobEnvironment {
    private var entries: [(name: String, entry: [UInt8])]

    /// What this process was started with, but for our own settings, an outer job's tokens, and whatever is a credential
    /// by its prefix, whatever its name.
    init(inherited: [[UInt8]]) {
        entries = inherited.compactMap { entry in
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")), equals > 0 else { return nil }
            let name = String(decoding: entry[..<equals], as: UTF8.self)
            let value = entry[(equals + 1)...]
            return Self.isRunners(name, value) ? nil : (name, entry)
        }
    }

    /// The environment of this process.
    static var own: [[UInt8]] {
        var entries: [[UInt8]] = []
        var pointer = jobsworth_environment()
        while let current = pointer, let entry = current.pointee {
            entries.append(Array(UnsafeBufferPointer(start: entry, count: strlen(entry))).map { UInt8(bitPattern: $0) })
            pointer = current + 1
        }
        return entries
    }

    mutating func set(_ name: String, _ value: some Sequence<UInt8>) {
        entries.removeAll { $0.name == name }
        entries.append((name, Array(name.utf8) + [UInt8(ascii: "=")] + value))
    }

    mutating func set(_ name: String, _ value: String) {
        set(name, value.utf8)
    }

    /// What belongs to whom the command runs as.
    mutating func set(_ user: JobUser) {
        for (name, value) in [
            ("HOME", user.home), ("USER", user.name), ("LOGNAME", user.name), ("SHELL", user.shell),
        ] {
            set(name, value)
        }
    }

    /// Where a command without a slash is looked for.
    var searchPath: String {
        let path = entries.first { $0.name == "PATH" }?.entry.dropFirst("PATH=".utf8.count)
        return path.map { String(decoding: $0, as: UTF8.self) } ?? "/usr/local/bin:/usr/bin:/bin"
    }

    var strings: [[UInt8]] { entries.map(\.entry) }

    private static let outerJobs: Set<String> = [
        "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_OIDCREQUESTURI",
    ]

    private static func isRunners(_ name: String, _ value: ArraySlice<UInt8>) -> Bool {
        (name.hasPrefix("JOBSWORTH_") && name != "JOBSWORTH_ISSUER") || outerJobs.contains(name)
            || value.starts(with: "jwr_".utf8) || value.starts(with: "jwj_".utf8)
    }
}
