// Whether an RSA modulus is one nobody should trust.

/// Checks on an RSA modulus that need no private key (CA/Browser Forum Baseline Requirements 6.1.1.3 and 6.1.6).
enum RSAModulus {
    /// Rounds of Fermat's method, as the Baseline Requirements ask for.
    private static let fermatRounds = 100

    /// The primes the generator of CVE-2017-15361 built on, from 3.
    private static let rocaPrimes: [UInt64] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
        113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ]

    /// Refuses a modulus of the wrong size, with small factors, with the ROCA fingerprint or with close primes.
    ///
    /// - Parameter bytes: The modulus, big-endian, without leading zero bytes.
    /// - Throws: ``JWKError``, naming the first of these.
    static func check(_ bytes: [UInt8]) throws(JWKError) {
        // Size first: nothing below is done on numbers of more than 4096 bits.
        guard (256...512).contains(bytes.count), let first = bytes.first, first != 0 else {
            throw .unsuitableModulusSize
        }
        let modulus = Magnitude(bigEndian: bytes)
        guard modulus.bitWidth >= 2048 else { throw .unsuitableModulusSize }
        guard !hasSmallFactor(modulus) else { throw .smallFactor }
        guard !hasROCAFingerprint(modulus) else { throw .vulnerableGenerator }
        guard !hasClosePrimes(modulus) else { throw .closePrimes }
    }

    /// Trial division below 752 (NIST SP 800-89 §5.3.3); composite divisors do no harm.
    private static func hasSmallFactor(_ modulus: Magnitude) -> Bool {
        modulus.isEven || stride(from: 3, to: 752, by: 2).contains { modulus.remainder(dividingBy: $0) == 0 }
    }

    /// Whether the modulus is a power of 65537 modulo every one of the primes (Nemec and others 2017, §3.1).
    ///
    /// A sound modulus is so once in about 2^27.
    private static func hasROCAFingerprint(_ modulus: Magnitude) -> Bool {
        rocaPrimes.allSatisfy { isPowerOf65537(modulus.remainder(dividingBy: $0), modulo: $0) }
    }

    private static func isPowerOf65537(_ value: UInt64, modulo prime: UInt64) -> Bool {
        var power: UInt64 = 1
        for _ in 0..<prime {
            if power == value { return true }
            power = power * 65537 % prime
        }
        return false
    }

    /// Fermat: look for a square b² = a² - n with a just above the root of n.
    private static func hasClosePrimes(_ modulus: Magnitude) -> Bool {
        var a = modulus.squareRoot()
        if a.squared() == modulus { return true }
        a.add(1)
        var difference = a.squared()
        difference.subtract(modulus)
        for _ in 0..<fermatRounds {
            if difference.isSquare { return true }
            // (a + 1)² - n = a² - n + 2a + 1
            difference.add(a)
            difference.add(a)
            difference.add(1)
            a.add(1)
        }
        return false
    }
}
