import JOSE
import Synchronization

/// A job's token file, which a test writes anew.
final class TokenFile: Sendable {
    private let text: Mutex<[UInt8]>

    init(_ text: [UInt8]) {
        self.text = Mutex(text)
    }

    func write(_ text: [UInt8]) {
        self.text.withLock { $0 = text }
    }

    func read() -> [UInt8] { text.withLock { $0 } }

    /// A token whose signature is a word that the canned authority understands.
    static func token(_ word: String, expiresAt: Int64) -> [UInt8] {
        let payload = Base64URL.encode(Array("{\"exp\":\(expiresAt)}".utf8))
        return Array("e30.".utf8) + payload + Array(".\(word)\n".utf8)
    }
}
