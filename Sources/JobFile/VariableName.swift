// Which variables a job file may set in a job.

import JOSE

/// The names that a token or a secret may have in a job's environment.
enum VariableName {
    /// `[A-Za-z_][A-Za-z0-9_]{0,63}`, and none that a runner, a loader or a shell already gives a meaning.
    static func isAllowed(_ name: ByteString) -> Bool {
        guard let first = name.bytes.first, name.count <= 64, isLetter(first),
            name.bytes.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) })
        else { return false }
        return !taken.contains(name) && !takenPrefixes.contains { name.hasPrefix($0) }
    }

    private static let taken: Set<ByteString> = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "IFS", "ENV", "BASH_ENV"]
    private static let takenPrefixes: [ByteString] = ["ACTIONS_", "SYSTEM_", "JOBSWORTH_", "LD_"]

    private static func isLetter(_ byte: UInt8) -> Bool {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        return letters.contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }
}
