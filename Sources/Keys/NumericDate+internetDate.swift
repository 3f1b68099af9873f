package import JOSE

extension NumericDate {
    /// The instant as RFC 3339 text in UTC, `2026-11-21T10:00:00Z`.
    package var internetDate: ByteString {
        let (day, second) = secondsSinceEpoch.dividedRoundingDown(by: 86_400)
        let (year, month, dayOfMonth) = Self.civil(daysSinceEpoch: day)
        var text: [UInt8] = []
        text.reserveCapacity(20)
        Self.append(year, width: 4, to: &text)
        for (mark, number) in [
            ("-", month), ("-", dayOfMonth), ("T", second / 3600), (":", second / 60 % 60), (":", second % 60),
        ] as [(Unicode.Scalar, Int64)] {
            text.append(UInt8(ascii: mark))
            Self.append(number, width: 2, to: &text)
        }
        text.append(UInt8(ascii: "Z"))
        return ByteString(text)
    }

    /// The proleptic Gregorian date, counted in 400-year cycles of 146,097 days that begin on 1 March.
    private static func civil(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let (era, dayOfEra) = shifted.dividedRoundingDown(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// Appends the number in at least `width` digits; one of more digits, or below zero, as it is.
    private static func append(_ number: Int64, width: Int, to text: inout [UInt8]) {
        let digits = String(number).utf8
        for _ in digits.count..<max(width, digits.count) { text.append(UInt8(ascii: "0")) }
        text.append(contentsOf: digits)
    }
}

extension Int64 {
    /// The quotient towards negative infinity, and a remainder that is never negative.
    fileprivate func dividedRoundingDown(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
