import Foundation
import JOSE

/// Keeps one file of a token fresh: a new token at two thirds of the old one's life, in its place by a rename.
struct TokenRenewal: Sendable {
    let file: TokenFile
    let folder: JobFolder
    let request: RequestTokenConnection

    /// A token and how long it can be used, by this machine's monotonic clock: the wall clock may jump.
    struct Fresh: Sendable {
        let token: String
        let takenAt: ContinuousClock.Instant
        let life: Duration

        var renewAt: ContinuousClock.Instant { takenAt + max(life * 2 / 3, .seconds(1)) }
        var expiresAt: ContinuousClock.Instant { takenAt + life }

        init(_ token: String, takenAt: ContinuousClock.Instant) throws {
            guard let parsed = try? UnverifiedToken(parsing: Array(token.utf8)),
                let claims = try? JSONReader.read(parsed.payload).objectValue,
                let issuedAt = claims["iat"]?.integerValue, let expiry = claims["exp"]?.integerValue,
                (0...1 << 40).contains(issuedAt), (issuedAt...1 << 41).contains(expiry)
            else { throw CommandFailure.failed("the issuer gave a token without iat and exp") }
            self.token = token
            self.takenAt = takenAt
            life = .seconds(expiry - issuedAt)
        }
    }

    /// Writes a new token.
    func renew() async throws -> Fresh {
        let now = ContinuousClock.now
        let fresh = try await Fresh(request.token(for: ByteString(file.audience)).string, takenAt: now)
        try folder.write(Array(fresh.token.utf8), as: file.variable)
        return fresh
    }

    /// Goes on until it is cancelled; says one line when a token has expired and there is no new one.
    func keep(_ first: Fresh) async {
        var current = first
        while !Task.isCancelled {
            try? await Task.sleep(until: current.renewAt, clock: .continuous)
            guard let next = await replacement(for: current) else { return }
            current = next
        }
    }

    /// Asks again with growing pauses, for an issuer may be restarting.
    private func replacement(for current: Fresh) async -> Fresh? {
        var attempt = 0
        var isComplaining = false
        while !Task.isCancelled {
            do {
                return try await renew()
            } catch {
                if !isComplaining, !Task.isCancelled, ContinuousClock.now >= current.expiresAt {
                    isComplaining = true
                    let reason = (error as? CommandFailure)?.message ?? "the request failed"
                    StandardStreams.complain("the token in \(file.variable) has expired and is not renewed: \(reason)")
                }
            }
            try? await Task.sleep(for: .seconds(min(1 << min(attempt, 5), 30)))
            attempt += 1
        }
        return nil
    }
}
