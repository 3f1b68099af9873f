package import JOSE
package import Keys
package import Policy

/// What a job's environment asks before there is a token, and what came of it.
///
/// It is settled when the job is registered, or when its environment is stated later: a policy that asks less
/// afterwards takes nothing back, and approves nothing.
package struct Approval: Hashable, Sendable {
    /// Who approved, and when.
    package struct Given: Hashable, Sendable {
        package let by: ByteString
        package let at: NumericDate

        package init(by: ByteString, at: NumericDate) {
            self.by = by
            self.at = at
        }
    }

    /// Whether somebody has to approve.
    package let isRequired: Bool
    /// When the job stated its environment.
    package let since: NumericDate
    /// Before then there is no token, approved or not.
    package let waitsUntil: NumericDate
    package let given: Given?

    package init(isRequired: Bool, since: NumericDate, waitsUntil: NumericDate, given: Given? = nil) {
        self.isRequired = isRequired
        self.since = since
        self.waitsUntil = waitsUntil
        self.given = given
    }

    /// What `rule` asks of a job that stated its environment at `since`; nil where it asks nothing.
    package init?(_ rule: EnvironmentRule, since: NumericDate) {
        guard !rule.approvers.isEmpty || rule.wait > 0 else { return nil }
        self.init(
            isRequired: !rule.approvers.isEmpty,
            since: since,
            waitsUntil: since.advanced(bySeconds: rule.wait)
        )
    }

    /// What this and a policy that came later ask together: whichever asks more.
    package func narrowed(by rule: EnvironmentRule) -> Approval {
        Approval(
            isRequired: isRequired || !rule.approvers.isEmpty,
            since: since,
            waitsUntil: max(waitsUntil, since.advanced(bySeconds: rule.wait)),
            given: given
        )
    }

    package func given(_ given: Given?) -> Approval {
        Approval(isRequired: isRequired, since: since, waitsUntil: waitsUntil, given: given)
    }

    /// Whether somebody still has to approve.
    package var isMissing: Bool { isRequired && given == nil }

    /// Whether there is no token yet at `now`.
    package func isWaiting(at now: NumericDate) -> Bool {
        isMissing || now < waitsUntil
    }

    /// The name in which an approval of `job` is given, by a policy that names `approvers` for its environment.
    ///
    /// It may be left out where there is but one. Who started the job does not approve it where somebody else can; forges
    /// take `Alice` and `alice` for the same.
    package static func approver(
        _ name: ByteString?,
        of job: Job,
        among approvers: [ByteString]
    ) throws(Refusal) -> ByteString {
        guard let only = approvers.first else { throw Refusal(.notAnApprover, name ?? "") }
        guard let name = name ?? (approvers.count == 1 ? only : nil) else { throw Refusal(.approverMissing) }
        guard approvers.contains(name) else { throw Refusal(.notAnApprover, name) }
        if approvers.count > 1, let actor = job.facts[.actor], folded(actor) == folded(name) {
            throw Refusal(.selfApproval, name)
        }
        return name
    }

    private static func folded(_ name: ByteString) -> [UInt8] {
        name.bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 0x20 : $0 }
    }
}
