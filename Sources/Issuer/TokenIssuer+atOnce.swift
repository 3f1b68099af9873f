package import JOSE
package import Keys

/// The way of a token without a task that waits: for a caller that must not be suspended, as an event loop.
///
/// The same checks, templates, keys and records as in ``TokenIssuer/issue(_:for:at:)``. What is not a token on the first
/// attempt, that decides.
extension TokenIssuer {
    /// A token for one audience; nil where it would be refused or the job waits.
    package func prepareAtOnce(
        _ audience: ByteString,
        for job: Job,
        at now: NumericDate,
        using generator: inout some RandomNumberGenerator
    ) -> PreparedToken? {
        do throws(Refusal) {
            let template = try knownOrNewTemplate(audience, for: job)
            let prepared = try prepare(template, for: job, at: now, using: &generator)
            try Self.refuseWaiting(job, for: template.approval.get(), at: now)
            return prepared
        } catch {
            return nil
        }
    }

    private func knownOrNewTemplate(_ audience: ByteString, for job: Job) throws(Refusal) -> TokenTemplate {
        if let known = knownTemplate(audience, for: job) { return known }
        return try template(for: TokenRequest(audiences: Audiences([audience])), job)
    }

    /// The token, signed on the spot.
    package func signAtOnce(_ prepared: PreparedToken) throws(IssuanceError) -> SignedToken {
        guard let token = try sign([prepared]).tokens.first else { throw .noSigningKey }
        return token
    }

    /// Hands the record of a signed token to the log; `then` runs where the log's `then` does, or at once.
    package func release(
        _ token: SignedToken,
        of job: Job,
        at now: NumericDate,
        then: @escaping @Sendable (ReleaseOutcome) -> Void
    ) {
        auditLog.commit(permits([token], of: job, at: now), of: job, at: now) { result in
            do throws(IssuanceError) {
                guard try Self.passing(Self.obstacle(result)) == nil else { return then(.undecided) }
                then(.released(ReleasedToken(recorded: token)))
            } catch {
                then(.failed(error))
            }
        }
    }

    private static func obstacle(
        _ result: Result<CommitObstacle?, StoreError>
    ) throws(IssuanceError) -> CommitObstacle? {
        switch result {
        case .success(let obstacle): return obstacle
        case .failure(let error): throw .store(error)
        }
    }
}
