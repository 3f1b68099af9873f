import Foundation
import Issuer
import NIOPosix
import Synchronization

/// Asks the machine's resolver for the addresses of a name, once; who is cancelled does not wait for it.
final class HostAddresses: Sendable {
    struct Unknown: Error {}

    private enum State {
        case asked
        case awaited(CheckedContinuation<[NetworkAddress], any Error>)
        case answered(Result<[NetworkAddress], any Error>)
        case over
    }

    private let state = Mutex(State.asked)

    private init() {}

    /// All addresses of a host, never none.
    static func of(_ host: String) async throws -> [NetworkAddress] {
        let asked = HostAddresses()
        NIOThreadPool.singleton.submit { _ in asked.end(lookUp(host)) }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { asked.wait($0) }
        } onCancel: {
            asked.end(.failure(CancellationError()))
        }
    }

    private func wait(_ continuation: CheckedContinuation<[NetworkAddress], any Error>) {
        let answer = state.withLock { state -> Result<[NetworkAddress], any Error>? in
            if case .answered(let answer) = state {
                state = .over
                return answer
            }
            state = .awaited(continuation)
            return nil
        }
        if let answer { continuation.resume(with: answer) }
    }

    /// The first answer counts.
    private func end(_ answer: Result<[NetworkAddress], any Error>) {
        let waiting = state.withLock { state -> CheckedContinuation<[NetworkAddress], any Error>? in
            switch state {
            case .asked: state = .answered(answer)
            case .awaited(let continuation):
                state = .over
                return continuation
            case .answered, .over: break
            }
            return nil
        }
        waiting?.resume(with: answer)
    }

    private static func lookUp(_ host: String) -> Result<[NetworkAddress], any Error> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &first) == 0 else { return .failure(Unknown()) }
        defer { freeaddrinfo(first) }
        var addresses: [NetworkAddress] = []
        var next = first
        while let entry = next?.pointee {
            // What cannot be read cannot be checked: then no address of the host is used.
            guard let address = address(entry) else { return .failure(Unknown()) }
            if !addresses.contains(address) { addresses.append(address) }
            next = entry.ai_next
        }
        return addresses.isEmpty ? .failure(Unknown()) : .success(addresses)
    }

    private static func address(_ entry: addrinfo) -> NetworkAddress? {
        guard let socketAddress = entry.ai_addr else { return nil }
        let raw = UnsafeRawPointer(socketAddress)
        switch entry.ai_family {
        case AF_INET where Int(entry.ai_addrlen) >= MemoryLayout<sockaddr_in>.size:
            let address = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            return NetworkAddress(bytes: withUnsafeBytes(of: address) { Array($0) })
        case AF_INET6 where Int(entry.ai_addrlen) >= MemoryLayout<sockaddr_in6>.size:
            let address = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return NetworkAddress(bytes: withUnsafeBytes(of: address) { Array($0) })
        default: return nil
        }
    }
}
