import Agent
import ArgumentParser
import JOSE
import SPIFFE

struct SVIDBundleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle",
        abstract: "Get the public keys of trust domains: a JWK Set, or certificates in PEM.",
        discussion: "Without --trust-domain there must be one alone; with --json all are printed, by trust domain."
    )

    /// Which keys.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case jwt, x509
    }

    @OptionGroup var api: WorkloadAPIOptions

    @Argument(help: "jwt or x509.") var kind = Kind.jwt

    @Option(help: ArgumentHelp("Whose keys.", valueName: "name")) var trustDomain: String?

    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let wanted = try trustDomain.map(SPIFFEIDArgument.trustDomain)
        let source = try api.source()
        switch kind {
        case .jwt:
            let documents = try await source.ask { try await $0.jwtBundles() }.documents
            try show(documents, of: wanted, text: { $0 + [0x0A] }, json: Self.json)
        case .x509:
            let authorities = try await source.ask { try await $0.x509Bundles() }.authorities
            try show(authorities, of: wanted, text: PEMText.certificates) { certificates in
                .array(certificates.map { .string(ByteString(PEMText.certificates([$0]))) })
            }
        }
    }

    private func show<Bundle>(
        _ bundles: [TrustDomain: Bundle],
        of wanted: TrustDomain?,
        text: (Bundle) -> [UInt8],
        json document: (Bundle) throws -> JSONValue
    ) throws {
        let chosen = bundles.filter { wanted == nil || $0.key == wanted }.sorted { $0.key.name < $1.key.name }
        guard let first = chosen.first else {
            throw CommandFailure.failed("the agent has no bundle of \(wanted?.name.string ?? "any trust domain")")
        }
        if json {
            let members = try chosen.map { ($0.key.id, try document($0.value)) }
            return StandardStreams.print(JSONObject([("bundles", .object(JSONObject(members)))]).line)
        }
        guard chosen.count == 1 else {
            let names = chosen.map(\.key.name.string).joined(separator: ", ")
            throw CommandFailure.failed("the agent has bundles of \(names); choose one with --trust-domain")
        }
        StandardStreams.write(text(first.value))
    }

    private static func json(_ document: [UInt8]) throws -> JSONValue {
        do {
            return try JSONReader.read(document, limits: HTTPFetcher.limits)
        } catch {
            throw CommandFailure.failed("the agent sent a bundle that is no JSON")
        }
    }
}
