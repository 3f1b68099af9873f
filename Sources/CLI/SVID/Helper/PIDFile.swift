import Foundation

/// A file with the number of a process, which its owner writes and may write anew at any time.
struct PIDFile: Sendable {
    let path: String

    /// Sends a signal to the process whose number is there now.
    func send(_ signal: SignalName) throws {
        guard let data = RegularFile.read(path, limit: 64) else {
            throw CommandFailure.failed("\(path) cannot be read; it should hold the number of the process to tell")
        }
        guard let pid = Self.pid(Array(data)) else {
            throw CommandFailure.failed("\(path) holds no number of a process")
        }
        guard kill(pid, signal.number) == 0 else {
            throw CommandFailure.failed("process \(pid) of \(path) cannot be told: \(String(cString: strerror(errno)))")
        }
    }

    /// One process: 0 and what is negative would be groups of them.
    static func pid(_ bytes: [UInt8]) -> pid_t? {
        let digits = bytes.trimmingBlanks
        guard (1...10).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let pid = pid_t(String(decoding: digits, as: UTF8.self)), pid > 0
        else { return nil }
        return pid
    }
}
