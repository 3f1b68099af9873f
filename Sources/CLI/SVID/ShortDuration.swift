import ArgumentParser
import Policy

/// A time to wait on the command line: `500ms`, `5s`, `1m`, or `5` for seconds; at most an hour.
struct ShortDuration: ExpressibleByArgument, Hashable, Sendable {
    let value: Duration

    init(_ value: Duration) {
        self.value = value
    }

    init?(argument: String) {
        if argument.hasSuffix("ms") {
            let digits = argument.utf8.dropLast(2)
            guard (1...7).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int64(argument.dropLast(2)), (1...3_600_000).contains(number)
            else { return nil }
            value = .milliseconds(number)
        } else {
            guard let duration = Duration(configured: argument), duration <= .seconds(3600) else { return nil }
            value = duration
        }
    }

    var defaultValueDescription: String { "\(value.components.seconds)s" }
}
