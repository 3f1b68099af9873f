import Foundation
import GRDB
import Issuer
import JOSE
import Keys

extension Approval {
    /// The columns of a job that hold it, in the order of ``arguments(of:)``.
    static let columns = "approval_required, waits_since, waits_until, approved_by, approved_at"

    /// Nil for a job that nothing was asked of.
    init?(row: Row) {
        guard let since = row["waits_since"] as Int64?, let until = row["waits_until"] as Int64? else { return nil }
        let given = (row["approved_at"] as Int64?).map { at in
            Given(
                by: ByteString(row["approved_by"] as Data? ?? Data()),
                at: NumericDate(secondsSinceEpoch: at)
            )
        }
        self.init(
            isRequired: row["approval_required"],
            since: NumericDate(secondsSinceEpoch: since),
            waitsUntil: NumericDate(secondsSinceEpoch: until),
            given: given
        )
    }

    /// The same of a row that has the columns in their order, beginning with the `first`.
    init?(row: BoundRow, from first: CInt) {
        guard let since = row.integer(first + 1), let until = row.integer(first + 2) else { return nil }
        let given = row.integer(first + 4).map { at in
            Given(by: ByteString(row.bytes(first + 3) ?? []), at: NumericDate(secondsSinceEpoch: at))
        }
        self.init(
            isRequired: row.integer(first) != 0,
            since: NumericDate(secondsSinceEpoch: since),
            waitsUntil: NumericDate(secondsSinceEpoch: until),
            given: given
        )
    }

    static func arguments(of approval: Approval?) -> StatementArguments {
        [
            approval?.isRequired ?? false, approval?.since.secondsSinceEpoch, approval?.waitsUntil.secondsSinceEpoch,
            approval?.given.map { Data($0.by.bytes) }, approval?.given?.at.secondsSinceEpoch,
        ]
    }
}
