// As much arithmetic on big numbers as checking an RSA modulus takes. Public values only: nothing is constant-time.

/// A natural number of any size.
struct Magnitude: Equatable {
    /// Least significant first; the last limb is not zero.
    private var limbs: [UInt64]

    /// Creates the number these bytes stand for, most significant first.
    init(bigEndian bytes: [UInt8]) {
        limbs = Array(repeating: 0, count: (bytes.count + 7) / 8)
        for (position, byte) in bytes.reversed().enumerated() {
            limbs[position / 8] |= UInt64(byte) << UInt64(position % 8 * 8)
        }
        trim()
    }

    private init(limbs: [UInt64]) {
        self.limbs = limbs
        trim()
    }

    /// The number of bits without leading zeros.
    var bitWidth: Int {
        guard let last = limbs.last else { return 0 }
        return limbs.count * 64 - last.leadingZeroBitCount
    }

    var isEven: Bool { (limbs.first ?? 0) & 1 == 0 }

    /// What is left after division; 0 for a divisor of 0.
    func remainder(dividingBy divisor: UInt64) -> UInt64 {
        guard divisor > 0 else { return 0 }
        var remainder: UInt64 = 0
        for limb in limbs.reversed() {
            remainder = divisor.dividingFullWidth((high: remainder, low: limb)).remainder
        }
        return remainder
    }

    mutating func add(_ other: Magnitude) {
        add(other.limbs)
    }

    mutating func add(_ limb: UInt64) {
        add([limb])
    }

    private mutating func add(_ other: [UInt64]) {
        var carry = false
        for index in 0..<max(limbs.count, other.count) {
            if index == limbs.count { limbs.append(0) }
            (limbs[index], carry) = Self.sum(limbs[index], index < other.count ? other[index] : 0, carry)
        }
        if carry { limbs.append(1) }
        trim()
    }

    /// Subtracts a number that is not greater.
    mutating func subtract(_ other: Magnitude) {
        var borrow = false
        for index in limbs.indices {
            let limb = index < other.limbs.count ? other.limbs[index] : 0
            (limbs[index], borrow) = Self.difference(limbs[index], limb, borrow)
        }
        trim()
    }

    func squared() -> Magnitude {
        var product = [UInt64](repeating: 0, count: limbs.count * 2)
        for (row, left) in limbs.enumerated() {
            var carry: UInt64 = 0
            for (column, right) in limbs.enumerated() {
                let wide = left.multipliedFullWidth(by: right)
                let (low, first) = wide.low.addingReportingOverflow(carry)
                let (sum, second) = low.addingReportingOverflow(product[row + column])
                product[row + column] = sum
                // At most 2^64 - 1: (2^64 - 1)² + 2 (2^64 - 1) fits 128 bits.
                carry = wide.high &+ (first ? 1 : 0) &+ (second ? 1 : 0)
            }
            product[row + limbs.count] = carry
        }
        return Magnitude(limbs: product)
    }

    /// The greatest number whose square is not greater than this, one bit at a time.
    func squareRoot() -> Magnitude {
        var rest = limbs
        var root = [UInt64](repeating: 0, count: limbs.count)
        for position in stride(from: max(bitWidth - 1, 0) / 2 * 2, through: 0, by: -2) where !limbs.isEmpty {
            let (index, bit) = (position / 64, UInt64(1) << UInt64(position % 64))
            root[index] |= bit
            let fits = !rest.reversed().lexicographicallyPrecedes(root.reversed())
            if fits { Self.subtract(root, from: &rest) }
            root[index] ^= bit
            Self.halve(&root)
            if fits { root[index] |= bit }
        }
        return Magnitude(limbs: root)
    }

    /// Whether this is the square of a number.
    var isSquare: Bool {
        guard mayBeSquare else { return false }
        return squareRoot().squared() == self
    }

    /// Whether this is a square modulo some small numbers; one in 1600 that is no square passes.
    private var mayBeSquare: Bool {
        let moduli: [UInt64] = [63, 65, 11, 17, 19, 23, 31]
        let rest = remainder(dividingBy: moduli.reduce(1, *))
        return Self.isSquare((limbs.first ?? 0) % 64, modulo: 64)
            && moduli.allSatisfy { Self.isSquare(rest % $0, modulo: $0) }
    }

    private static func isSquare(_ value: UInt64, modulo modulus: UInt64) -> Bool {
        (0..<modulus).contains { $0 * $0 % modulus == value }
    }

    private static func subtract(_ other: [UInt64], from limbs: inout [UInt64]) {
        var borrow = false
        for index in limbs.indices {
            (limbs[index], borrow) = difference(limbs[index], other[index], borrow)
        }
    }

    private static func halve(_ limbs: inout [UInt64]) {
        var carry: UInt64 = 0
        for index in limbs.indices.reversed() {
            let limb = limbs[index]
            limbs[index] = limb >> 1 | carry
            carry = limb << 63
        }
    }

    private static func sum(_ left: UInt64, _ right: UInt64, _ carry: Bool) -> (UInt64, Bool) {
        let (partial, first) = left.addingReportingOverflow(right)
        let (sum, second) = partial.addingReportingOverflow(carry ? 1 : 0)
        return (sum, first || second)
    }

    private static func difference(_ left: UInt64, _ right: UInt64, _ borrow: Bool) -> (UInt64, Bool) {
        let (partial, first) = left.subtractingReportingOverflow(right)
        let (difference, second) = partial.subtractingReportingOverflow(borrow ? 1 : 0)
        return (difference, first || second)
    }

    private mutating func trim() {
        while limbs.last == 0 { limbs.removeLast() }
    }
}
