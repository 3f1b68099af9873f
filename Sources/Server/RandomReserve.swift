import Foundation
import Synchronization

/// Random words of the system's generator, fetched 32 at a time: each fetch is a system call.
final class RandomReserve: Sendable {
    /// Takes each word from the reserve.
    struct Generator: RandomNumberGenerator {
        fileprivate let reserve: RandomReserve

        mutating func next() -> UInt64 {
            reserve.next()
        }
    }

    /// What getentropy gives at once, 256 bytes.
    private static let size = 32
    private let words = Mutex<[UInt64]>([])

    var generator: Generator {
        Generator(reserve: self)
    }

    private func next() -> UInt64 {
        words.withLock { words in
            if words.isEmpty { words = Self.fetched() }
            return words.popLast() ?? Self.single()
        }
    }

    /// None where the system has no entropy to give, which it says only before it has booted.
    private static func fetched() -> [UInt64] {
        var words = [UInt64](repeating: 0, count: size)
        return words.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) } == 0 ? words : []
    }

    private static func single() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
