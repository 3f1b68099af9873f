import Foundation
package import Keys

extension NumericDate {
    /// The wall clock, asked at the edge only.
    package static var now: NumericDate {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return NumericDate(secondsSinceEpoch: Int64(time.tv_sec))
    }
}
