private import Crypto
package import JOSE
private import Synchronization

/// Makes and recognises request tokens: `jwj_<job id>_<HMAC-SHA256 over it>`.
///
/// A request token is computed, never stored: a repeated registration can be answered with the same one, garbage is
/// refused without asking the store, and there is nothing in a backup to steal.
package final class RequestTokenKey: Sendable {
    package static let prefix: ByteString = "jwj_"
    /// Under which name, and as what, the secret lies sealed in the store.
    package static let secretName: ByteString = "request-token-key"
    package static let sealingContext: ByteString = "jobsworth request token key"
    /// The code over what every message begins with: the key was taken in once and not for each token.
    private let begun: Mutex<HMAC<SHA256>>

    /// - Parameter secret: 32 random bytes that live sealed in the store and for nothing else.
    package init(secret: [UInt8]) {
        begun = Mutex(Self.begun(secret))
    }

    /// Every request token made until now is dead.
    package func replace(secret: [UInt8]) {
        let code = Self.begun(secret)
        begun.withLock { $0 = code }
    }

    /// The secret of a new store.
    package static func randomSecret(using generator: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    package func token(for job: JobID) -> ByteString {
        Self.prefix + job.text + "_" + ByteString(Base64URL.encode(Array(code(of: job))))
    }

    /// The job whose request token this is; nil for anything that we did not make.
    ///
    /// The code is compared in constant time: equality of a code and bytes is, in the library.
    package func job(of token: ByteString) -> JobID? {
        guard token.count == 80, token.hasPrefix(Self.prefix),
            let job = JobID(digits: token.bytes.span.extracting(4..<36)),
            token.bytes[36] == UInt8(ascii: "_"),
            let presented = try? Base64URL.decode(text: token.bytes.span.extracting(37...)),
            code(of: job) == presented
        else { return nil }
        return job
    }

    private func code(of job: JobID) -> HMAC<SHA256>.MAC {
        var code = begun.withLock { $0 }
        code.update(data: job.text.bytes)
        return code.finalize()
    }

    private static func begun(_ secret: [UInt8]) -> HMAC<SHA256> {
        var code = HMAC<SHA256>(key: SymmetricKey(data: secret))
        code.update(data: Array("jobsworth request token ".utf8))
        return code
    }
}
