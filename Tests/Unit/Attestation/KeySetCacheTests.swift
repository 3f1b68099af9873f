import JOSE
import Keys
import TestSupport
import Testing

@testable import Attestation

@Suite struct KeySetCacheTests {
    private var generator = SeededGenerator(seed: 5)
    private let start = Samples.now

    private func at(_ seconds: Int64) -> NumericDate { start.advanced(bySeconds: seconds) }

    private mutating func warm(lifetime: Int64 = 3600) throws -> KeySetCache {
        var cache = KeySetCache()
        #expect(cache.request(at: start) == .init(answer: .awaitFetch, startsFetch: true))
        cache.fetched(try Samples.keys(), lifetime: lifetime, at: start, using: &generator)
        return cache
    }

    @Test mutating func `the first request waits for one fetch, and so do all that come meanwhile`() throws {
        var cache = KeySetCache()
        #expect(cache.request(at: start).startsFetch)
        for _ in 0..<1000 { #expect(cache.request(at: start) == .init(answer: .awaitFetch, startsFetch: false)) }
        cache.fetched(try Samples.keys(), lifetime: 3600, at: start, using: &generator)
        #expect(cache.latest(at: start) == .keys(try Samples.keys()))
    }

    @Test mutating func `who has a good token never waits for a refresh`() throws {
        var cache = try warm()
        for second in stride(from: Int64(0), to: 3600, by: 10) {
            let decision = cache.request(at: at(second))
            #expect(decision.answer == .keys(try Samples.keys()))
            if decision.startsFetch {
                #expect((1620...1990).contains(second))
                #expect(cache.request(at: at(second)) == .init(answer: .keys(try Samples.keys()), startsFetch: false))
                cache.failed(at: at(second), using: &generator)
                return
            }
        }
        Issue.record("no refresh in an hour")
    }

    @Test mutating func `many agents do not refresh at one time`() throws {
        var moments: Set<Int64> = []
        for _ in 0..<50 {
            var cache = try warm()
            var moment: Int64 = 0
            while moment < 3600, !cache.refresh(at: at(moment)) { moment += 1 }
            #expect((1620...1980).contains(moment))
            moments.insert(moment)
        }
        #expect(moments.count > 30)
    }

    /// E07: whatever comes, two fetches a minute.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    mutating func `a flood of unknown keys starts two fetches a minute at most`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var cache = KeySetCache()
        var starts: [Int64] = []
        var second: Int64 = 0
        let keys = try Samples.keys()
        while second < 3600 {
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let decision =
                    Bool.random(using: &random) ? cache.request(at: at(second)) : cache.requestNewer(at: at(second))
                guard decision.startsFetch else { continue }
                starts.append(second)
                if Int.random(in: 0..<3, using: &random) == 0 {
                    cache.failed(at: at(second), using: &random)
                } else {
                    cache.fetched(keys, lifetime: 60, at: at(second), using: &random)
                }
            }
            second += Int64.random(in: 0...3, using: &random)
        }
        for (index, begun) in starts.enumerated().dropFirst(2) { #expect(begun - starts[index - 2] >= 60) }
        #expect(starts.count > 20)
    }

    @Test mutating func `a new key is looked for at once, and then not for half a minute`() throws {
        var cache = try warm()
        #expect(cache.requestNewer(at: at(1)) == .init(answer: .awaitFetch, startsFetch: true))
        cache.fetched(JWKSet([]), lifetime: 3600, at: at(1), using: &generator)
        #expect(cache.latestAfterLooking(at: at(1)) == .keys(JWKSet([])))
        #expect(cache.requestNewer(at: at(30)) == .init(answer: .keys(JWKSet([])), startsFetch: false))
        #expect(!cache.requestNewer(at: at(59)).startsFetch)
        #expect(cache.requestNewer(at: at(60)).startsFetch)
    }

    @Test mutating func `a key that its issuer withdraws is gone with the next set`() throws {
        var cache = try warm()
        _ = cache.requestNewer(at: at(5))
        let left = JWKSet([try Samples.named(try Samples.rs256.get())])
        cache.fetched(left, lifetime: 60, at: at(5), using: &generator)
        #expect(cache.request(at: at(6)).answer == .keys(left))
    }

    @Test mutating func `while its issuer is away the last good set serves for a day beyond its life`() throws {
        var cache = try warm(lifetime: 3600)
        let end = 3600 + KeySetCache.maximumStale
        var second: Int64 = 0
        var attempts = 0
        var losses = 0
        let known = KeySetCache.Answer.keys(try Samples.keys())
        while second < end {
            let decision = cache.request(at: at(second))
            if decision.answer != known { losses += 1 }
            if decision.startsFetch {
                attempts += 1
                cache.failed(at: at(second), using: &generator)
            }
            second += 7
        }
        #expect(losses == 0)
        #expect((200...500).contains(attempts))
        let after = cache.request(at: at(end + 400))
        #expect(after == .init(answer: .awaitFetch, startsFetch: true))
        cache.failed(at: at(end + 400), using: &generator)
        #expect(cache.latest(at: at(end + 400)) == .unavailable)
        #expect(cache.request(at: at(end + 401)) == .init(answer: .unavailable, startsFetch: false))
    }

    @Test mutating func `an unknown key while its issuer is away is no proof that the token is bad`() throws {
        var cache = try warm()
        #expect(cache.requestNewer(at: at(100)).startsFetch)
        cache.failed(at: at(100), using: &generator)
        #expect(cache.latestAfterLooking(at: at(100)) == .unavailable)
        #expect(cache.requestNewer(at: at(101)) == .init(answer: .unavailable, startsFetch: false))
        #expect(cache.request(at: at(101)).answer == .keys(try Samples.keys()))
    }

    @Test mutating func `after a failure at the start there is a second attempt soon, and then less and less`() throws {
        var cache = KeySetCache()
        var starts: [Int64] = []
        for second in Int64(0)..<3600 where cache.request(at: at(second)).startsFetch {
            starts.append(second)
            cache.failed(at: at(second), using: &generator)
        }
        #expect(starts.prefix(2) == [0, 2])
        #expect(starts.count < 25)
        #expect(zip(starts.dropFirst(12), starts.dropFirst(11)).allSatisfy { $0 - $1 >= 230 })
    }

    @Test mutating func `a clock set back neither stops the fetching nor opens a flood`() throws {
        var cache = try warm()
        #expect(cache.request(at: at(-7200)).startsFetch)
        cache.failed(at: at(-7200), using: &generator)
        #expect(!cache.request(at: at(-7200)).startsFetch)
        #expect(cache.request(at: at(-7100)).startsFetch)
    }

    @Test func `no answer keeps a set for less than a minute or more than a day`() {
        let rows: [([ByteString], ByteString?, Int64)] = [
            ([], nil, 900), (["max-age=3600"], nil, 3600), (["public, Max-Age=3600"], "600", 3000),
            (["max-age=0"], nil, 60), (["max-age=-1"], nil, 60), (["max-age=315360000"], nil, 86_400),
            (["max-age=99999999999999999999999"], nil, 86_400), (["max-age=3600"], "999999999999999999999", 60),
            (["max-age=\"3600\""], nil, 3600), (["no-cache, no-store, must-revalidate"], nil, 60),
            (["public"], nil, 900), (["max-age=abc"], nil, 60), (["max-age=3600", "no-store"], nil, 60),
            (["max-age=3600"], "x", 60), (["s-maxage=5"], nil, 900), (["no-cache=\"x\", max-age=99"], nil, 60),
        ]
        for (cacheControl, age, seconds) in rows {
            #expect(KeySetLifetime.seconds(cacheControl: cacheControl, age: age) == seconds, "\(cacheControl)")
        }
    }
}
