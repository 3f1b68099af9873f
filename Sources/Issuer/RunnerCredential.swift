private import Crypto
package import JOSE

/// The secret of a runner, `jwr_` and 256 random bits: shown once, and kept only as its hash.
package struct RunnerCredential: Sendable {
    package static let prefix: ByteString = "jwr_"

    /// What the runner presents.
    ///
    /// Never logged, never stored.
    package let secret: ByteString

    package static func random(using generator: inout some RandomNumberGenerator) -> RunnerCredential {
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return RunnerCredential(secret: prefix + ByteString(Base64URL.encode(bytes)))
    }

    /// Nil for anything that has not the shape of a credential.
    package init?(_ text: ByteString) {
        guard text.count == 47, text.hasPrefix(Self.prefix),
            (try? Base64URL.decode(text.bytes.dropFirst(Self.prefix.count))) != nil
        else { return nil }
        secret = text
    }

    private init(secret: ByteString) {
        self.secret = secret
    }

    /// SHA-256 of the secret.
    ///
    /// 256 random bits need no slow hash; looking up by it gives no timing of the secret.
    package var digest: CredentialDigest {
        CredentialDigest(bytes: Array(SHA256.hash(data: secret.bytes)))
    }
}

extension RunnerCredential: CustomStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
