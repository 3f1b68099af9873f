// Randomness that is the same on every run.

/// SplitMix64 (Steele, Lea and Flood 2014).
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A text after some random edits.
    package mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            let place = Int.random(in: 0...result.count, using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: result.insert(UInt8.random(in: 0...255, using: &self), at: place)
            case 1 where place < result.count: result.remove(at: place)
            case 2 where place < result.count: result[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 3: result.removeSubrange(place...)
            default: result.insert(contentsOf: result.prefix(8), at: place)
            }
        }
        return result
    }
}
