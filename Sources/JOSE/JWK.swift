// Public keys as relying parties see them.

import Crypto

/// A public key for verifying signatures (RFC 7517), never a private or a symmetric one.
///
/// A value of this type has passed the checks of ``init(material:algorithm:keyID:)``: the point is on its curve, the
/// RSA modulus is of sound size and shape, the algorithm fits.
package struct JWK: Hashable, Sendable {
    /// The key itself.
    package let material: Material

    /// The only algorithm the key may be used with (`alg`, RFC 7517 §4.4); `nil` if its publisher did not say.
    package let algorithm: SignatureAlgorithm?

    /// The key's name in its set (`kid`, RFC 7517 §4.5): 1 to ``maximumKeyIDBytes`` bytes; `nil` if it has none.
    package let keyID: ByteString?

    /// The most bytes of a `kid`, in keys and in tokens.
    package static let maximumKeyIDBytes = 128

    /// Creates a key after checking it.
    ///
    /// - Parameters:
    ///   - material: The key's numbers; RSA numbers without leading zero bytes, coordinates of full length.
    ///   - algorithm: The only algorithm the key is for, if it is bound to one.
    ///   - keyID: The key's name, of 1 to 128 bytes.
    /// - Throws: ``JWKError`` if the key is weak or wrong, the algorithm doesn't fit it or the name's length is not
    ///   allowed.
    package init(material: Material, algorithm: SignatureAlgorithm?, keyID: ByteString?) throws(JWKError) {
        if let keyID, keyID.isEmpty || keyID.count > Self.maximumKeyIDBytes { throw .invalidMember("kid") }
        if let algorithm, !algorithm.fits(material) { throw .algorithmMismatch }
        try material.check()
        self.material = material
        self.algorithm = algorithm
        self.keyID = keyID
    }

    /// The key's SHA-256 thumbprint (RFC 7638 §3) in base64url: 43 characters, the `kid` of our own keys.
    package var thumbprint: ByteString {
        Self.thumbprint(of: material)
    }

    /// The thumbprint of a key that is not yet a ``JWK``.
    static func thumbprint(of material: Material) -> ByteString {
        let canonical = JSONObject(material.requiredMembers).serialized
        return ByteString(Base64URL.encode([UInt8](SHA256.hash(data: canonical))))
    }

    /// The key as an entry of a published set.
    ///
    /// Members in this order: `kty`, `alg` (unless unknown), `use` (always `sig`), `kid` (the thumbprint if the key has
    /// no name), then `n`, `e` or `crv`, `x`, `y`.
    package var published: JSONObject {
        var object = JSONObject([("kty", material.keyType)])
        object["alg"] = algorithm.map { .string(ByteString($0.rawValue)) }
        object["use"] = "sig"
        object["kid"] = .string(keyID ?? thumbprint)
        for (name, value) in material.publishedMembers {
            object[name] = value
        }
        return object
    }
}
