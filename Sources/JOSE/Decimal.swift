/// Whole numbers in decimal digits, as JSON writes them (RFC 8259 §6).
package enum Decimal {
    /// Appends the digits of `number`, a hyphen before those of a negative one.
    package static func append(_ number: Int64, to text: inout [UInt8]) {
        if number < 0 { text.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        let start = text.count
        repeat {
            text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        text[start...].reverse()
    }
}
