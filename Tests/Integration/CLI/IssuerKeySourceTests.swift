import Attestation
import JOSE
import Keys
import Logging
import Server
import Testing

@testable import CLI

@Suite(.timeLimit(.minutes(1))) struct IssuerKeySourceTests {
    /// An issuer whose discovery is skipped: one request is one fetch.
    private func withSource(
        _ setUp: (ScriptedIssuer) -> Void,
        _ body: (IssuerKeySource, TrustedIssuer, ScriptedIssuer) async throws -> Void
    ) async throws {
        let server = ScriptedIssuer()
        try await server.start()
        setUp(server)
        let url = ByteString(server.url)
        let location = KeyLocation(issuer: url, jwksURI: url + "/keys", caBundle: nil)
        let issuer = TrustedIssuer(keyLocation: location, audiences: ["a"])
        let source = IssuerKeySource(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        source.trust(TrustedIssuers([issuer]))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await source.run() }
            // It begins to serve when it is scheduled.
            while !source.isRunning { await Task.yield() }
            try await body(source, issuer, server)
            group.cancelAll()
        }
        try await server.stop()
    }

    @Test func `a flood of unknown keys is two fetches, and known keys are there at once`() async throws {
        try await withSource {
            $0.answer("/keys", #"{"keys":[]}"#)
        } _: { source, issuer, server in
            let now = NumericDate.now
            let keys = try await source.keys(of: issuer, at: now)
            #expect(keys.keys.isEmpty)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<500 { group.addTask { _ = try? await source.newerKeys(of: issuer, at: now) } }
            }
            #expect(server.asked == ["/keys", "/keys"])
            let later = try await source.keys(of: issuer, at: now)
            #expect(later.keys.isEmpty)
        }
    }

    @Test func `without keys there is no answer but that they are away`() async throws {
        try await withSource {
            $0.answer("/keys", status: "500 No", "")
        } _: { source, issuer, _ in
            await #expect(throws: SVIDRefusal.issuerKeysUnavailable) {
                _ = try await source.keys(of: issuer, at: .now)
            }
            source.trust(TrustedIssuers([]))
            await #expect(throws: SVIDRefusal.issuerKeysUnavailable) {
                _ = try await source.keys(of: issuer, at: .now)
            }
        }
    }
}
