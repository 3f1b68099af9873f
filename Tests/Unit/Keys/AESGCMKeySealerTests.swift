// Secrets at rest (threats G07, G11, G21).

import JOSE
import Keys
import Testing

@Suite struct AESGCMKeySealerTests {
    private let secret = Array("a private key".utf8)
    private let context: ByteString = "what it is"

    @Test func `what was sealed is opened with the same key and context`() throws {
        let sealer = try TestKeys.sealer.get()
        for count in [0, 1, 13, 138, 1200] {
            let secret = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            #expect(try sealer.unseal(sealer.seal(secret, context: context), context: context) == secret)
        }
    }

    @Test(arguments: [0, 1, 16, 24, 31, 33, 64])
    func `a key of another length is refused`(count: Int) {
        #expect(throws: SealingError.keyLength(count)) {
            try AESGCMKeySealer(keyEncryptionKey: [UInt8](repeating: 1, count: count))
        }
    }

    @Test func `another key does not open it`() throws {
        let sealed = try TestKeys.sealer.get().seal(secret, context: context)
        #expect(throws: SealingError.notOpened) {
            try TestKeys.otherSealer.get().unseal(sealed, context: context)
        }
    }

    // "é" in two forms: the context is bytes.
    @Test(arguments: ["", "what it i", "what it is ", "What it is", "what it is\0", "what e\u{301}", "what \u{E9}"])
    func `another context does not open it`(other: String) throws {
        let sealer = try TestKeys.sealer.get()
        let sealed = try sealer.seal(secret, context: context)
        #expect(throws: SealingError.notOpened) { try sealer.unseal(sealed, context: ByteString(other)) }
    }

    @Test func `one bit changed anywhere is noticed`() throws {
        let sealer = try TestKeys.sealer.get()
        let sealed = try sealer.seal(secret, context: context)
        for index in sealed.bytes.indices {
            for bit in 0..<8 {
                var bytes = sealed.bytes
                bytes[index] ^= 1 << UInt8(bit)
                #expect(throws: SealingError.notOpened) {
                    try sealer.unseal(SealedSecret(bytes: bytes), context: context)
                }
            }
        }
    }

    @Test func `a sealed secret that is cut short or too long is refused`() throws {
        let sealer = try TestKeys.sealer.get()
        let sealed = try sealer.seal(secret, context: context)
        for count in 0..<sealed.bytes.count {
            #expect(throws: SealingError.notOpened) {
                try sealer.unseal(SealedSecret(bytes: Array(sealed.bytes.prefix(count))), context: context)
            }
        }
        #expect(throws: SealingError.notOpened) {
            try sealer.unseal(SealedSecret(bytes: sealed.bytes + [0]), context: context)
        }
    }

    @Test func `sealing twice gives two texts, neither with the secret in it`() throws {
        let sealer = try TestKeys.sealer.get()
        let all = try (0..<100).map { _ in try sealer.seal(secret, context: context).bytes }
        #expect(Set(all).count == 100)
        #expect(Set(all.map { $0.prefix(12) }).count == 100)
        for bytes in all { #expect(!bytes.indices.contains { bytes[$0...].starts(with: secret) }) }
    }
}
