import Foundation

/// DER values one after another, as the Workload API sends certificates.
enum ConcatenatedDER {
    /// Takes the values apart by their lengths; nothing in them is read.
    static func split(_ data: Data) throws(WorkloadAPIAnswerError) -> [[UInt8]] {
        let bytes = Array(data)
        var values: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            guard let end = end(of: bytes, from: start) else { throw .certificatesInvalid }
            values.append(Array(bytes[start..<end]))
            start = end
        }
        return values
    }

    /// The end of the SEQUENCE that starts there (X.690 §8.1.3).
    private static func end(of bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count - start >= 2, bytes[start] == 0x30 else { return nil }
        let first = Int(bytes[start + 1])
        guard first >= 0x80 else { return within(bytes, start + 2 + first) }
        let count = first & 0x7F
        guard (1...4).contains(count), bytes.count - start >= 2 + count else { return nil }
        let length = bytes[(start + 2)..<(start + 2 + count)].reduce(0) { $0 << 8 | Int($1) }
        return within(bytes, start + 2 + count + length)
    }

    private static func within(_ bytes: [UInt8], _ end: Int) -> Int? {
        end <= bytes.count ? end : nil
    }
}
