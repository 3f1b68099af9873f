import JOSE

/// A span of time as people write it, `24h`, `90m` or `1h30m`, in whole seconds.
enum ConfiguredTime {
    /// Whole numbers with the units `h`, `m` and `s`, each at most once and in this order.
    static func seconds(_ text: ByteString) -> Int64? {
        var rest = text.bytes[...]
        var sum: Int64 = 0
        var longest = Int64.max
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...9).contains(digits.count), let number = Int64(String(decoding: digits, as: UTF8.self)),
                let unit = rest.dropFirst(digits.count).first.flatMap({ units[$0] }), unit < longest
            else { return nil }
            sum += number * unit
            longest = unit
            rest = rest.dropFirst(digits.count + 1)
        }
        return text.isEmpty ? nil : sum
    }

    /// The span in its largest whole unit.
    static func text(_ seconds: Int64) -> ByteString {
        if seconds > 0, seconds.isMultiple(of: 3600) { return ByteString("\(seconds / 3600)h") }
        if seconds > 0, seconds.isMultiple(of: 60) { return ByteString("\(seconds / 60)m") }
        return ByteString("\(seconds)s")
    }

    private static let units: [UInt8: Int64] = [
        UInt8(ascii: "h"): 3600, UInt8(ascii: "m"): 60, UInt8(ascii: "s"): 1,
    ]
}
