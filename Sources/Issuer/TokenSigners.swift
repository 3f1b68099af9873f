import JOSE
import Keys

/// The keys that sign tokens now, each with the header of its tokens, encoded once.
struct TokenSigners: Sendable {
    struct Signer: Sendable {
        let kid: ByteString
        let key: PrivateSigningKey
        /// The first part of the token with the dot behind it.
        let header: [UInt8]
    }

    let keys: SigningKeys
    private let signers: [SigningAlgorithm: Signer]

    init(_ keys: SigningKeys) {
        self.keys = keys
        var signers: [SigningAlgorithm: Signer] = [:]
        for algorithm in SigningAlgorithm.allCases {
            guard let (kid, key) = try? keys.signer(algorithm) else { continue }
            signers[algorithm] = Signer(kid: kid, key: key, header: Self.header(algorithm, kid))
        }
        self.signers = signers
    }

    func signer(_ algorithm: SigningAlgorithm) throws(KeyRingError) -> Signer {
        guard let signer = signers[algorithm] else { throw .noActiveKey(.tokens(algorithm)) }
        return signer
    }

    private static func header(_ algorithm: SigningAlgorithm, _ kid: ByteString) -> [UInt8] {
        let header = JSONObject([
            ("alg", .string(ByteString(algorithm.rawValue))), ("kid", .string(kid)), ("typ", .string("JWT")),
        ])
        return Base64URL.encode(header.serialized) + [UInt8(ascii: ".")]
    }
}
