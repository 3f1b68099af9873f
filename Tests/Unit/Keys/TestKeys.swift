// Keys for the tests: made once a run, because an RSA key takes its time in a debug build.

import JOSE
import Keys

enum TestKeys {
    static let sealer = Result { try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 7, count: 32)) }
    static let otherSealer = Result { try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 8, count: 32)) }

    /// Twelve keys for ES256 and two for RS256, all prepared at 1000.
    static let pool: Result<[SigningKey], any Error> = Result {
        let maker = KeyMaker(sealer: try sealer.get())
        return try (0..<12).map { _ in try maker.makeKey(.ES256, preparedAt: time(1000)) }
            + (0..<2).map { _ in try maker.makeKey(.RS256, preparedAt: time(1000)) }
    }

    static func maker() throws -> KeyMaker {
        KeyMaker(sealer: try sealer.get())
    }

    static func es256(_ index: Int) throws -> SigningKey {
        try pool.get().filter { $0.algorithm == .ES256 }[index]
    }

    static func rs256(_ index: Int) throws -> SigningKey {
        try pool.get().filter { $0.algorithm == .RS256 }[index]
    }

    /// One active key and one standby for ES256.
    static func smallRing() throws -> KeyRing {
        try KeyRing().preparing(es256(0)).activating(es256(0).kid, at: time(2000)).preparing(es256(1))
    }

    /// One active key and one standby for both algorithms, as after the first start.
    static func fullRing() throws -> KeyRing {
        try smallRing().preparing(rs256(0)).activating(rs256(0).kid, at: time(2000)).preparing(rs256(1))
    }
}

func time(_ seconds: Int64) -> NumericDate {
    NumericDate(secondsSinceEpoch: seconds)
}
