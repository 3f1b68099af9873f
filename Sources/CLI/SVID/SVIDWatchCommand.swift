import Agent
import ArgumentParser
import Foundation
import JOSE
import Keys
import SPIFFE
import Server
import UnixSignals

struct SVIDWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Print one line for what there is and for each change, until it is interrupted; never a key.",
        discussion: "When the agent goes away, a line on standard error says so, and it is asked again."
    )

    /// What is watched.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case x509
        case x509Bundle = "x509-bundle"
        case jwtBundle = "jwt-bundle"
    }

    @OptionGroup var api: WorkloadAPIOptions

    @Argument(help: "x509, x509-bundle or jwt-bundle.") var kind = Kind.x509

    @Flag(help: "Print one JSON object a line.") var json = false

    func run() async throws {
        let source = try api.source()
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let watch = WorkloadWatch(source: source)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { return } }
            group.addTask { try await self.follow(watch) }
            try await group.next()
            group.cancelAll()
        }
    }

    private func follow(_ watch: WorkloadWatch) async throws {
        try await watch.follow { connection, came in
            switch kind {
            case .x509:
                try await connection.watchX509SVIDs { received in
                    came()
                    let summary = try X509Summary(received)
                    show(summary.line, summary.json)
                }
            case .x509Bundle:
                try await connection.watchX509Bundles { received in
                    came()
                    let counts = received.authorities.map { ($0.key.id, $0.value.count) }
                    show(BundleLine(counts, of: "authorities"))
                }
            case .jwtBundle:
                try await connection.watchJWTBundles { received in
                    came()
                    let counts = received.documents.map { ($0.key.id, JWTBundleDocument.keyCount($0.value)) }
                    show(BundleLine(counts, of: "keys"))
                }
            }
        }
    }

    private func show(_ line: BundleLine) {
        show(line.text, line.json)
    }

    private func show(_ text: String, _ object: JSONObject) {
        let instant = NumericDate.now.internetDate
        guard json else { return StandardStreams.print("\(instant) \(text)") }
        StandardStreams.print(JSONObject([("at", .string(instant))] + object.members.map { ($0.name, $0.value) }).line)
    }
}
