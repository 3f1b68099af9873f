import Foundation
import JOSE
package import Keys

extension ClockReading {
    /// Both clocks of the machine, asked at the edge only.
    package static var now: ClockReading {
        ClockReading(wall: .now, sinceBoot: timeSinceBoot, boot: boot)
    }

    /// Sleep included: a machine that slept for hours did not have its clock moved.
    package static var timeSinceBoot: Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    private static let boot: ByteString = {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        return ByteString(text?.split(separator: "\n").first.map(String.init) ?? "unknown")
    }()
}
