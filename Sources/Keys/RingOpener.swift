import JOSE
private import Synchronization

/// Opens rings, each once: a private key takes milliseconds to open, and a ring is looked at far more often than it
/// changes.
final class RingOpener: Sendable {
    private let sealer: any KeySealer
    private let last = Mutex<Opened?>(nil)

    /// A ring's active private halves, and the standbys that have none that opens.
    struct Opened: Sendable {
        let keys: SigningKeys
        let unusable: Set<ByteString>
    }

    init(sealer: any KeySealer) {
        self.sealer = sealer
    }

    /// - Throws: ``KeyRingError/privateKeyUnusable(_:)`` where an active key does not open.
    func open(_ ring: KeyRing) throws(KeyRingError) -> Opened {
        if let last = last.withLock({ $0 }), last.keys.ring == ring { return last }
        let keys = try SigningKeys(opening: ring, with: sealer)
        let standbys = ring.keys.filter { $0.state == .prepared }
        let unusable = Set(standbys.filter { !$0.opens(with: sealer) }.map(\.kid))
        let opened = Opened(keys: keys, unusable: unusable)
        last.withLock { $0 = opened }
        return opened
    }
}
