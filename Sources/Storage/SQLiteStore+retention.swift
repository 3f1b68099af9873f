import Foundation
import GRDB
package import Issuer
package import Keys
import Synchronization

extension SQLiteStore {
    /// Removes some of the jobs that ended before `end`; answers whether the whole table has been looked through since
    /// this was first asked, or since it last was.
    ///
    /// A part at a time, so that tokens are issued between. The audit log keeps what it says of them.
    package func removeSomeJobs(
        endedBefore end: NumericDate,
        lookingAt count: Int = 500
    ) async throws(StoreError) -> Bool {
        let last = removedThrough.withLock { $0 }
        let next = try await writer.write {
            try Job.removeEnded(before: end, after: last, count: count, in: $0.database)
        }
        removedThrough.withLock { $0 = next ?? Data() }
        return next == nil
    }
}
