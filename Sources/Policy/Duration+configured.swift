extension Duration {
    /// Whole seconds, or a whole number with its unit: `90`, `90s`, `15m`, `24h`, `30d`; from one second to ten years.
    package init?(configured text: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text : String(text.dropLast())
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(digits),
            (1...315_360_000).contains(number), case let seconds = number * (unit ?? 1),
            (1...315_360_000).contains(seconds)
        else { return nil }
        self = .seconds(seconds)
    }
}
