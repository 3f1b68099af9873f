import Agent
import JOSE
import Keys
import SPIFFE

/// What a person or a program is told of X.509-SVIDs: everything but the keys.
struct X509Summary {
    private struct Entry {
        let id: SPIFFEID
        let hint: ByteString
        let chain: [CertificateSummary]
        let bundle: [CertificateSummary]
    }

    private let entries: [Entry]
    private let federated: [(TrustDomain, [CertificateSummary])]

    init(_ received: ReceivedX509SVIDs) throws {
        do {
            entries = try received.svids.map { svid in
                Entry(
                    id: svid.id,
                    hint: svid.hint,
                    chain: try svid.chain.map(CertificateSummary.init),
                    bundle: try svid.bundle.map(CertificateSummary.init)
                )
            }
            federated = try received.federatedBundles.sorted { $0.key.name < $1.key.name }.map { domain, certificates in
                (domain, try certificates.map(CertificateSummary.init))
            }
        } catch {
            throw CommandFailure.failed("the agent sent a certificate that cannot be read")
        }
    }

    /// In the shape of `spire-agent api fetch x509`.
    func text(took duration: Duration) -> String {
        let milliseconds = Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) / 1e15
        let time = "\((milliseconds * 100).rounded() / 100)ms"
        let head = "Received \(entries.count) svid\(entries.count == 1 ? "" : "s") after \(time)"
        return ([head] + entries.map { lines($0).joined(separator: "\n") }).joined(separator: "\n\n")
    }

    var json: JSONObject {
        JSONObject([
            ("svids", .array(entries.map { .object(object($0)) })),
            (
                "federated_bundles",
                .object(JSONObject(federated.map { ($0.id, .array($1.map(\.json))) }))
            ),
        ])
    }

    /// One line of a watch.
    var line: String {
        entries.map { entry in
            let end = entry.chain.first.map { " until \($0.expiresAt.internetDate)" } ?? ""
            let hint = entry.hint.isEmpty ? "" : " (\(entry.hint.shownPlainly))"
            return "\(entry.id.text)\(hint)\(end)"
        }.joined(separator: ", ") + "; \(authorities)"
    }

    private var authorities: String {
        let counts = Set(entries.map(\.bundle.count)).sorted().map(String.init).joined(separator: "/")
        return "authorities: \(counts); federated: \(federated.count)"
    }

    private func lines(_ entry: Entry) -> [String] {
        var lines = ["SPIFFE ID:\t\t\(entry.id.text)"]
        if !entry.hint.isEmpty { lines.append("Hint:\t\t\t\(entry.hint.shownPlainly)") }
        for (index, certificate) in entry.chain.enumerated() {
            lines += certificate.lines(index == 0 ? "SVID" : "Intermediate #\(index)")
        }
        for (index, certificate) in entry.bundle.enumerated() { lines += certificate.lines("CA #\(index + 1)") }
        for (domain, certificates) in federated {
            for (index, certificate) in certificates.enumerated() {
                lines += certificate.lines("[\(domain.name)] CA #\(index + 1)")
            }
        }
        return lines
    }

    private func object(_ entry: Entry) -> JSONObject {
        var object = JSONObject([("spiffe_id", .string(entry.id.text))])
        if !entry.hint.isEmpty { object["hint"] = .string(entry.hint) }
        if let leaf = entry.chain.first {
            object["valid_after"] = .string(leaf.validFrom.internetDate)
            object["valid_until"] = .string(leaf.expiresAt.internetDate)
        }
        object["intermediates"] = .array(entry.chain.dropFirst().map(\.json))
        object["authorities"] = .array(entry.bundle.map(\.json))
        return object
    }
}
