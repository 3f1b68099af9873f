package import JOSE

/// For how long an issuer's keys may be kept, from its answer's headers (RFC 9111 §4.2.1).
package enum KeySetLifetime {
    /// What counts where the answer says nothing, in seconds.
    package static let assumed: Int64 = 900
    /// No issuer makes us ask more often, and none less (seconds).
    package static let bounds: ClosedRange<Int64> = 60...86_400

    /// `max-age` less `Age`, in seconds within ``bounds``; what cannot be read, or forbids to keep anything, is the least.
    ///
    /// `cacheControl` has each field line's value, `age` that of `Age`.
    package static func seconds(cacheControl: [ByteString], age: ByteString?) -> Int64 {
        let directives = cacheControl.flatMap { $0.bytes.split(separator: UInt8(ascii: ",")) }.map(plain)
        guard !directives.isEmpty else { return assumed }
        if directives.contains(where: { $0 == "no-store" || $0.hasPrefix("no-cache") }) { return bounds.lowerBound }
        let ages = directives.filter { $0.hasPrefix("max-age=") }.map { number($0.bytes.dropFirst(8)) }
        guard let maximum = ages.first else { return assumed }
        let spent = age.map { number(plain($0.bytes[...]).bytes[...]) ?? Int64.max } ?? 0
        return clamped((maximum ?? 0).subtractingReportingOverflow(spent).partialValue)
    }

    static func clamped(_ seconds: Int64) -> Int64 {
        min(max(seconds, bounds.lowerBound), bounds.upperBound)
    }

    /// Without surrounding spaces, in lower case.
    private static func plain(_ directive: ArraySlice<UInt8>) -> ByteString {
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let bare = directive.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        return ByteString(bare.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 })
    }

    /// Digits, perhaps in quotes; a number that is too large is the largest (RFC 9111 §1.2.2).
    private static func number(_ text: ArraySlice<UInt8>) -> Int64? {
        let digits = text.filter { $0 != UInt8(ascii: "\"") }
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(String(decoding: digits, as: UTF8.self)) ?? Int64.max
    }
}
