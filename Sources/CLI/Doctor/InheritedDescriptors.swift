import CLinux
import Foundation

/// The descriptors that are open when we begin: what of them was not ours, we inherited.
struct InheritedDescriptors {
    private let numbers: [Int32]

    init() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        // The folder's own descriptor is closed again.
        numbers = names.compactMap { Int32($0) }.filter { fcntl($0, F_GETFD) >= 0 }.sorted()
    }

    /// What they give; `brokers` are the paths of sockets that may be a broker's.
    func findings(brokers: Set<String>) -> [DoctorFinding] {
        let found = numbers.compactMap { number -> DoctorFinding? in
            if case .found = CredentialSearch.outcome(ofDescriptor: number) {
                return .reached(.descriptors, "descriptor \(number) was inherited and gives one")
            }
            guard let path = Self.peer(of: number), brokers.contains(path) else { return nil }
            return .reached(
                .descriptors,
                "descriptor \(number) was inherited and is connected to the broker at \(path)"
            )
        }
        return found.isEmpty ? [.ok(.descriptors, "\(numbers.count) are open: none gives a credential")] : found
    }

    /// Where a socket is connected to; who connected it stays its user to the other end, whoever holds it now.
    private static func peer(of descriptor: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 109)
        jobsworth_peer_path(descriptor, &buffer, buffer.count)
        let path = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        // A socket of ours is bound under this name, and then has its own.
        return path.isEmpty ? nil : path.hasSuffix(".new") ? String(path.dropLast(4)) : path
    }
}
