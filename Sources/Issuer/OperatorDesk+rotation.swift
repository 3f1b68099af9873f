import JOSE
import Keys

extension OperatorDesk {
    /// Another rotation may come between the look and the change; then it is done anew.
    func rotateRunner(
        _ name: ByteString,
        overlap: Int64,
        validity: Int64?,
        at now: NumericDate
    ) async throws -> JSONObject {
        var generator = SystemRandomNumberGenerator()
        let credential = RunnerCredential.random(using: &generator)
        while let runner = try await runners.runner(named: name) {
            let known = KnownCredential(
                digest: credential.digest,
                validity: validity ?? runner.bounds.validity,
                at: now
            )
            let next = runner.rotating(to: known, overlap: overlap, at: now)
            let kept = Set(next.credentials.map(\.digest))
            try enter(runner.credentials.map(\.digest).filter { !kept.contains($0) }, at: now)
            guard try await runners.rotateCredential(of: runner, to: next, at: now) else { continue }
            var answer = JSONObject([("name", .string(name)), ("credential", .string(credential.secret))])
            answer["valid_until"] = known.validUntil.map { .string($0.internetDate) }
            let former = next.credentials.dropFirst().first?.validUntil ?? now
            answer["former_valid_until"] = .string(former.internetDate)
            return answer
        }
        throw Refusal(.notFound, name)
    }

    /// The ledger first: a restored backup must not bring these credentials back.
    func enter(_ digests: [CredentialDigest], at now: NumericDate) throws {
        guard !digests.isEmpty else { return }
        do {
            try ledger.add(Set(digests.map(Revocation.init(of:))), at: now)
        } catch let error as RevocationLedgerError {
            throw Refusal(.ledgerUnusable, error.explanation)
        }
    }
}
