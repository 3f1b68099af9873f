import CLinux
import CoreFoundation
import Foundation
import Issuer
import JOSE

/// Looks for runner credentials in bytes, files and descriptors.
enum CredentialSearch {
    enum Outcome {
        case unreadable
        case none
        case found
    }

    private static let limit = 1_048_576
    private static let length = 47

    /// Whether a runner credential stands anywhere in these bytes.
    static func isFound(in bytes: some Collection<UInt8>) -> Bool {
        bytes.withContiguousStorageIfAvailable { isFound(in: UnsafeRawBufferPointer($0)) }
            ?? isFound(in: Array(bytes))
    }

    static func isFound(in bytes: UnsafeRawBufferPointer) -> Bool {
        let prefix = RunnerCredential.prefix.bytes
        var begin = bytes.startIndex
        while true {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[begin...])
            let offset = jobsworth_find(rest.baseAddress, rest.count, prefix, prefix.count)
            guard offset >= 0 else { return false }
            begin += offset
            let end = min(begin + length, bytes.endIndex)
            if RunnerCredential(ByteString(bytes[begin..<end])) != nil { return true }
            begin += prefix.count
        }
    }

    /// What the beginning of a regular file holds.
    static func outcome(ofFile path: String) -> Outcome {
        // Not to wait for the other end of a pipe, nor to become a terminal's process.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return .unreadable }
        defer { close(descriptor) }
        return outcome(ofRegularFile: descriptor)
    }

    /// What an open descriptor gives to whoever inherits it; nothing is taken out of a pipe.
    static func outcome(ofDescriptor descriptor: Int32) -> Outcome {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .unreadable }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            // Opened again, it is read from its beginning though it was opened for writing only.
            let again = outcome(ofFile: "/proc/self/fd/\(descriptor)")
            if case .unreadable = again { return outcome(ofRegularFile: descriptor) }
            return again
        case S_IFDIR: return outcome(ofFolder: "/proc/self/fd/\(descriptor)")
        case S_IFIFO, S_IFSOCK:
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = jobsworth_peek(descriptor, &buffer, buffer.count)
            return isFound(in: buffer.prefix(count)) ? .found : .none
        default: return .unreadable
        }
    }

    /// What the files of a folder hold, those below its folders not looked at.
    static func outcome(ofFolder path: String) -> Outcome {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return .unreadable }
        for name in names.prefix(512) {
            if case .found = outcome(ofFile: path + "/" + name) { return .found }
        }
        return .none
    }

    private static func outcome(ofRegularFile descriptor: Int32) -> Outcome {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return .unreadable }
        var buffer = [UInt8](repeating: 0, count: max(0, min(limit, Int(status.st_size))))
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { return .unreadable }
        return isFound(in: buffer.prefix(count)) ? .found : .none
    }
}
