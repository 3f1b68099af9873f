import Issuer
import JOSE
import Policy
import Server

/// What a policy decides on one request, and what each of its rules made of it.
struct PolicyExplanation {
    /// What the token would be.
    struct Permit {
        let plan: TokenPlan
        let claims: JSONObject
    }

    let verdicts: [(rule: Rule, verdict: RuleVerdict)]
    let job: JobDescription
    let outcome: Result<Permit, Refusal>

    var refusal: Refusal? {
        if case .failure(let refusal) = outcome { refusal } else { nil }
    }

    /// For people.
    var text: String {
        ([headline] + verdicts.map { "  rule \"\($0.rule.name)\": \(sentence($0.verdict))" }).joined(separator: "\n")
    }

    /// For programs.
    var document: JSONObject {
        var object = JSONObject([("decision", refusal == nil ? "permit" : "deny")])
        switch outcome {
        case .success(let permit):
            object["rules"] = .array(permit.plan.ruleNames.map { .string($0) })
            object["algorithm"] = .string(ByteString(permit.plan.algorithm.rawValue))
            object["lifetime"] = .integer(permit.plan.lifetime)
            object["claims"] = .object(permit.claims)
        case .failure(let refusal):
            object["reason"] = .string(ByteString(refusal.reason.rawValue))
            object["error_description"] = .string(ByteString(ErrorResponse.sentence(for: refusal.reason)))
            if !refusal.about.isEmpty { object["about"] = .string(refusal.about) }
        }
        object["verdicts"] = .array(
            verdicts.map {
                .object(
                    JSONObject([
                        ("rule", .string($0.rule.name)), ("verdict", .string(ByteString(sentence($0.verdict)))),
                    ])
                )
            }
        )
        return object
    }

    private var headline: String {
        switch outcome {
        case .success(let permit):
            let tokens = permit.plan.limits.map { ", at most \($0.maximumTokens) a job" }.joined()
            let subject = permit.claims.shown("sub")
            return "permit: \(permit.plan.algorithm.rawValue), \(permit.plan.lifetime) s\(tokens), sub \(subject)"
        case .failure(let refusal):
            let about = refusal.about.isEmpty ? "" : " (\(refusal.about))"
            return "deny: \(refusal.reason.rawValue)\(about): \(ErrorResponse.sentence(for: refusal.reason))"
        }
    }

    private func sentence(_ verdict: RuleVerdict) -> String {
        switch verdict {
        case .otherAudience: "is for other audiences"
        case .permits: "permits it"
        case .denies: "denies it"
        case .forkNotNamed: "would permit it, but the job is a fork and the rule does not name forks"
        case .mismatch(let condition):
            "\(condition.attribute.name) is \(job[condition.attribute]?.string ?? "absent"), and must be \(wanted(condition))"
        }
    }

    private func wanted(_ condition: Condition) -> String {
        switch condition.wanted {
        case .absent: "absent"
        case .oneOf(let patterns): patterns.map(\.text.string).joined(separator: " or ")
        }
    }
}
