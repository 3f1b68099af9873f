import Foundation

/// The memory of another process that the kernel lets us read.
struct ProcessMemory: ~Copyable {
    private static let piece = 1_048_576
    /// One less than a credential's length: one may lie across two pieces.
    private static let overlap = 46
    private let id: Int32
    private let descriptor: Int32

    /// Nil where we may not read it, or there is none.
    init?(_ id: Int32) {
        let descriptor = open("/proc/\(id)/mem", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        self.id = id
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Whether a credential stands in what the process wrote itself; reads no more than `budget` bytes.
    func holdsCredential(budget: inout Int) -> Bool {
        var buffer = [UInt8](repeating: 0, count: Self.piece)
        for region in regions() {
            var place = region.lowerBound
            while place < region.upperBound, budget > 0 {
                let wanted = min(Self.piece, region.upperBound - place)
                let count = pread(descriptor, &buffer, wanted, place)
                guard count > 0 else { break }
                budget -= count
                if CredentialSearch.isFound(in: buffer.prefix(count)) { return true }
                place += count > Self.overlap && place + count < region.upperBound ? count - Self.overlap : count
            }
        }
        return false
    }

    /// The writable parts: heap, stacks, data.
    private func regions() -> [Range<Int>] {
        let maps = (try? String(contentsOfFile: "/proc/\(id)/maps", encoding: .utf8)) ?? ""
        return maps.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 2)
            guard fields.count > 1, fields[1].hasPrefix("rw") else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
            return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
        }
    }
}
