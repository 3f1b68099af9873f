import JOSE
import Keys
import Synchronization

/// The `Date` header (RFC 9110 §5.6.7), formatted once a second.
enum HTTPDate {
    private static let cache = Mutex<(second: Int64, text: String)>((.min, ""))
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static var now: String {
        let instant = NumericDate.now
        return cache.withLock { cache in
            if cache.second != instant.secondsSinceEpoch { cache = (instant.secondsSinceEpoch, text(instant)) }
            return cache.text
        }
    }

    /// `Sat, 21 Nov 2026 10:00:00 GMT`; 1970-01-01 was a Thursday.
    static func text(_ instant: NumericDate) -> String {
        let date = instant.internetDate.string
        let fields = date.split { "-T:Z".contains($0) }.map(String.init)
        let day = Int(instant.secondsSinceEpoch / 86_400 % 7)
        guard fields.count == 6, let month = Int(fields[1]), months.indices.contains(month - 1),
            days.indices.contains(day)
        else { return "" }
        return "\(days[day]), \(fields[2]) \(months[month - 1]) \(fields[0]) \(fields[3]):\(fields[4]):\(fields[5]) GMT"
    }
}
