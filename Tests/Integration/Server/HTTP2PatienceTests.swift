import NIOCore
import Testing

@testable import Server

@Suite struct HTTP2PatienceTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `a hundred resets at once are borne and not many more`() {
        var patience = HTTP2Patience(at: start)
        for _ in 0..<100 { patience.spend(HTTP2Patience.reset) }
        #expect(!patience.isExhausted)
        patience.spend(HTTP2Patience.reset)
        #expect(patience.isExhausted)
    }

    @Test func `time brings patience back, up to a bound`() {
        var patience = HTTP2Patience(at: start)
        patience.refill(at: start + .hours(24))
        for _ in 0..<101 { patience.spend(HTTP2Patience.reset) }
        #expect(patience.isExhausted)
        patience.refill(at: start + .hours(24) + .seconds(1))
        #expect(!patience.isExhausted)
    }

    @Test func `a busy peer that takes its answers never runs out`() {
        var patience = HTTP2Patience(at: start)
        for _ in 0..<100_000 {
            for _ in 0..<3 { patience.spend(HTTP2Patience.frame) }
            patience.earn(HTTP2Patience.answered)
        }
        #expect(!patience.isExhausted)
    }
}
