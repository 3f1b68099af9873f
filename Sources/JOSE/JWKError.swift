// Why a key was refused.

/// Why a key cannot be used to verify signatures.
///
/// In a set, such a key is left out and the rest is used (RFC 7517 §5). ``isAlarming`` tells the cases an operator should
/// hear of from those that only mean "not for us".
package enum JWKError: Error, Hashable, Sendable {
    /// An entry of a set that is not a JSON object.
    case notAnObject

    /// A member the key type needs is absent.
    case missingMember(ByteString)

    /// A member has the wrong type, length or encoding.
    case invalidMember(ByteString)

    /// A `kty` other than `EC`, `RSA` and `OKP`.
    case unsupportedKeyType

    /// A `crv` we can't verify with.
    case unsupportedCurve

    /// An `alg` we can't verify with.
    case unsupportedAlgorithm

    /// `alg` and the key's type or curve contradict each other.
    case algorithmMismatch

    /// `use` is not `sig`, or `key_ops` lacks `verify` (RFC 7517 §4.2, §4.3).
    case unsuitableUse

    /// A symmetric key (`kty` `oct`): a secret nobody may publish.
    case symmetricKey

    /// Members of a private key: its publisher leaks it.
    case privateMaterial

    /// A point that is not on its curve.
    case pointNotOnCurve

    /// An RSA exponent other than 65537.
    case unsuitableExponent

    /// An RSA modulus of fewer than 2048 or more than 4096 bits.
    case unsuitableModulusSize

    /// An RSA modulus that is even or has another factor below 752.
    case smallFactor

    /// An RSA modulus with the ROCA fingerprint (CVE-2017-15361).
    case vulnerableGenerator

    /// An RSA modulus whose primes are so close that Fermat's method finds them within 100 rounds.
    case closePrimes

    /// Another key of the set has the same `kid`, so that neither can be chosen by it.
    case duplicateKeyID(ByteString)

    /// The stable code for logs, in snake case.
    package var reason: String {
        switch self {
        case .notAnObject: "key_not_an_object"
        case .missingMember: "key_member_missing"
        case .invalidMember: "key_member_invalid"
        case .unsupportedKeyType: "key_type_unsupported"
        case .unsupportedCurve: "key_curve_unsupported"
        case .unsupportedAlgorithm: "key_algorithm_unsupported"
        case .algorithmMismatch: "key_algorithm_mismatch"
        case .unsuitableUse: "key_use_unsuitable"
        case .symmetricKey: "key_symmetric"
        case .privateMaterial: "key_private"
        case .pointNotOnCurve: "key_point_not_on_curve"
        case .unsuitableExponent: "key_exponent_unsuitable"
        case .unsuitableModulusSize: "key_modulus_size_unsuitable"
        case .smallFactor: "key_modulus_small_factor"
        case .vulnerableGenerator: "key_modulus_roca"
        case .closePrimes: "key_modulus_close_primes"
        case .duplicateKeyID: "key_id_duplicate"
        }
    }

    /// Whether it shows a mistake or an attack at the key's publisher rather than a key that is not meant for us.
    package var isAlarming: Bool {
        switch self {
        case .unsupportedKeyType, .unsupportedCurve, .unsupportedAlgorithm, .unsuitableUse: false
        default: true
        }
    }
}
