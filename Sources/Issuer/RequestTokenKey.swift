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
    private let key: Mutex<SymmetricKey>

    /// - Parameter secret: 32 random bytes that live sealed in the store and for nothing else.
    package init(secret: [UInt8]) {
        key = Mutex(SymmetricKey(data: secret))
    }

    /// Every request token made until now is dead.
    package func replace(secret: [UInt8]) {
        key.withLock { $0 = SymmetricKey(data: secret) }
    }

    /// The secret of a new store.
    package static func randomSecret(using generator: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    package func token(for job: JobID) -> ByteString {
        let code = HMAC<SHA256>.authenticationCode(for: Self.message(job), using: key.withLock { $0 })
        return Self.prefix + job.text + "_" + ByteString(Base64URL.encode(Array(code)))
    }

    /// The job whose request token this is; nil for anything that we did not make.
    ///
    /// The code is compared in constant time.
    package func job(of token: ByteString) -> JobID? {
        guard token.hasPrefix(Self.prefix) else { return nil }
        let rest = token.bytes.dropFirst(Self.prefix.count)
        guard rest.count == 76, let job = JobID(rest.prefix(32)), rest.dropFirst(32).first == UInt8(ascii: "_"),
            let code = try? Base64URL.decode(rest.dropFirst(33)),
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Self.message(job), using: key.withLock { $0 })
        else { return nil }
        return job
    }

    private static func message(_ job: JobID) -> [UInt8] {
        ("jobsworth request token " + job.text).bytes
    }
}
