// Instants as numbers and as text.

import JOSE
import Keys
import TestSupport
import Testing

@Suite struct NumericDateTests {
    @Test(
        arguments: [
            // The beginning (RFC 7519 §2) and the seconds around it.
            (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:01Z"), (-1, "1969-12-31T23:59:59Z"),
            (86_399, "1970-01-01T23:59:59Z"), (86_400, "1970-01-02T00:00:00Z"), (-86_400, "1969-12-31T00:00:00Z"),
            (-86_401, "1969-12-30T23:59:59Z"),
            // The contract's example.
            (1_795_255_200, "2026-11-21T10:00:00Z"),
            // Leap days: 1972, 2000 (divisible by 400), 2024; none in 1900 and 2100.
            (68_169_600, "1972-02-29T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"), (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"), (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-2_203_891_201, "1900-02-28T23:59:59Z"), (-2_203_891_200, "1900-03-01T00:00:00Z"),
            // Ends of years.
            (1_767_225_599, "2025-12-31T23:59:59Z"), (1_767_225_600, "2026-01-01T00:00:00Z"),
            // Where 32 bits end.
            (2_147_483_647, "2038-01-19T03:14:07Z"), (2_147_483_648, "2038-01-19T03:14:08Z"),
            (-2_147_483_648, "1901-12-13T20:45:52Z"), (4_294_967_296, "2106-02-07T06:28:16Z"),
            // The first and the last year of RFC 3339.
            (-62_167_219_200, "0000-01-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
            // The ends of the type: no trap.
            (.max, "292277026596-12-04T15:30:07Z"), (.min, "-292277022657-01-27T08:29:52Z"),
        ] as [(Int64, String)]
    )
    func `an instant has one text in UTC`(seconds: Int64, text: String) {
        #expect(time(seconds).internetDate.string == text)
    }

    @Test func `text orders as time does`() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let one = time(Int64.random(in: 0..<253_402_300_800, using: &random))
            let other = time(Int64.random(in: 0..<253_402_300_800, using: &random))
            #expect((one < other) == (one.internetDate < other.internetDate))
            #expect(one.internetDate.count == 20)
        }
    }

    @Test func `every day of four centuries follows the one before`() throws {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var (year, month, day) = (1900, 1, 1)
        for number in 0..<146_097 {
            let text = time((Int64(number) - 25_567) * 86_400).internetDate.string
            let digits = text.split(whereSeparator: { "-T".contains($0) }).prefix(3).compactMap { Int($0) }
            if digits != [year, month, day] { Issue.record("\(text) is not \(year)-\(month)-\(day)") }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            day += 1
            if day > lengths[month - 1] + (month == 2 && isLeap ? 1 : 0) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test(
        arguments: [
            (0, 300, 300), (1000, -60, 940), (0, -60, -60),
            // The ends hold instead of overflowing.
            (.max, 1, .max), (.max - 1, 2, .max), (.min, -1, .min), (.max, -1, .max - 1),
        ] as [(Int64, Int64, Int64)]
    )
    func `moving an instant never overflows`(from: Int64, by: Int64, to: Int64) {
        #expect(time(from).advanced(bySeconds: by) == time(to))
    }
}
