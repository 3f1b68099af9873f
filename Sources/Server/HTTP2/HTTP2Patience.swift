import NIOCore

/// How much a connection may still do that serves no request: the answer to floods of frames (RFC 9113 §10.5).
///
/// A bucket that refills with time. Each frame that carries no request takes a little; a stream that is reset, by the
/// peer (CVE-2023-44487) or by us because of what the peer sent (CVE-2025-8671), takes much, since a request may have
/// been begun for it; a stream that was answered gives back what it needed to be read.
struct HTTP2Patience {
    /// What an idle frame costs.
    static let frame = 1.0
    /// What a stream that is reset costs.
    static let reset = 10.0
    /// What an answered stream gives back: window updates and acknowledgements go with it.
    static let answered = 4.0

    private static let capacity = 1000.0
    private static let perSecond = 100.0

    private var left = capacity
    private var filledAt: NIODeadline

    init(at now: NIODeadline) {
        filledAt = now
    }

    var isExhausted: Bool { left < 0 }

    mutating func spend(_ cost: Double) {
        left -= cost
    }

    mutating func earn(_ amount: Double) {
        left = min(Self.capacity, left + amount)
    }

    mutating func refill(at now: NIODeadline) {
        earn(Double((now - filledAt).nanoseconds) / 1e9 * Self.perSecond)
        filledAt = now
    }
}
