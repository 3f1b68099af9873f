import Agent
import Foundation
import JOSE
import Keys
import SPIFFE

/// The files that a helper keeps.
struct HelperFiles: Sendable {
    let settings: HelperSettings
    let folder: SafeOutputFolder

    /// Writes the three files of the chosen SVID together, if it can work; its ID.
    func write(_ received: ReceivedX509SVIDs, at now: NumericDate) async throws -> SPIFFEID? {
        guard let names = settings.x509 else { return nil }
        let svid = try chosen(received.svids, hint: \.hint)
        do throws(X509SVIDFault) {
            try await X509SVIDCheck(now: now).require(svid)
        } catch {
            throw CommandFailure.failed("\(svid.id.text) cannot work and was not written: \(error.explanation)")
        }
        let texts = X509FileTexts(
            chain: svid.chain,
            privateKey: svid.privateKey,
            bundle: svid.bundle,
            federated: received.federatedBundles.sorted { $0.key.name < $1.key.name }.flatMap(\.value),
            settings: settings,
            now: now
        )
        try GenerationFolder(folder: folder).write([
            SafeOutputFolder.File(name: names.key, bytes: texts.key, mode: settings.keyMode),
            SafeOutputFolder.File(name: names.chain, bytes: texts.chain, mode: settings.certificateMode),
            SafeOutputFolder.File(name: names.bundle, bytes: texts.bundle, mode: settings.certificateMode),
        ])
        return svid.id
    }

    /// Writes the chosen token; when it expires.
    func write(_ received: [ReceivedJWTSVID], as name: String) throws -> NumericDate {
        let svid = try chosen(received, hint: \.hint)
        guard let token = try? UnverifiedToken(parsing: svid.compact.bytes),
            let expiry = try? JSONReader.read(token.payload).objectValue?["exp"]?.integerValue
        else { throw CommandFailure.failed("the agent gave a JWT-SVID without exp, which was not written") }
        try folder.write([SafeOutputFolder.File(name: name, bytes: svid.compact.bytes, mode: settings.jwtMode)])
        return NumericDate(secondsSinceEpoch: expiry)
    }

    /// Writes one object: each trust domain's JWK Set, in base64, under its name.
    func write(_ received: ReceivedJWTBundles) throws {
        guard let name = settings.jwtBundle else { return }
        let members = received.documents.sorted { $0.key.name < $1.key.name }.map { domain, document in
            (domain.name, JSONValue.string(ByteString(Data(document).base64EncodedString())))
        }
        let bytes = JSONObject(members).serialized
        try folder.write([SafeOutputFolder.File(name: name, bytes: bytes, mode: settings.jwtBundleMode)])
    }

    func path(of name: String) -> String {
        "\(settings.folder)/\(name)"
    }

    /// The one with the wanted hint, or the first.
    private func chosen<SVID>(_ svids: [SVID], hint: KeyPath<SVID, ByteString>) throws -> SVID {
        let wanted = ByteString(settings.hint)
        guard let svid = wanted.isEmpty ? svids.first : svids.first(where: { $0[keyPath: hint] == wanted }) else {
            throw CommandFailure.failed("no SVID has the hint \(wanted.shownPlainly), and none was written; check hint")
        }
        return svid
    }
}
