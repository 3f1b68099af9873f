import ArgumentParser
import Discovery
import Foundation
import JOSE

/// The keys to verify with: from a file, a URL, or by the issuer's discovery document.
struct VerificationKeys {
    let jwkSet: String?
    let issuer: String?

    func load() async throws -> JWKSet {
        let bytes = try await document()
        guard let keys = try? JWKSet(parsing: bytes) else {
            throw failure("jwks_malformed", "the JWK Set cannot be read")
        }
        for rejected in keys.rejected { StandardStreams.complain("a key of the set is left out: \(rejected)") }
        return keys
    }

    private func document() async throws -> [UInt8] {
        guard let jwkSet else { return try await fetch(discoveredURL()) }
        if jwkSet.hasPrefix("https://") || jwkSet.hasPrefix("http://") { return try await fetch(jwkSet) }
        guard let data = FileManager.default.contents(atPath: jwkSet) else {
            throw failure("jwks_unreadable", "\(jwkSet) cannot be read")
        }
        return Array(data)
    }

    /// `jwks_uri` of the document whose `issuer` is the one we were told, byte for byte (OpenID Connect Discovery §4.3).
    private func discoveredURL() async throws -> String {
        let name = issuer ?? ""
        let identifier: IssuerIdentifier
        do throws(IssuerIdentifierError) {
            identifier = try IssuerIdentifier(ByteString(name))
        } catch {
            throw failure("issuer_refused", error.explanation)
        }
        let bytes = try await fetch(identifier.url(WellKnownPath.configuration).string)
        guard case .object(let metadata)? = try? JSONReader.read(bytes, limits: HTTPFetcher.limits),
            case .string(let stated)? = metadata["issuer"], case .string(let jwksURI)? = metadata["jwks_uri"]
        else { throw failure("discovery_malformed", "the discovery document cannot be read") }
        guard stated == identifier.value else {
            throw failure("issuer_mismatch", "the discovery document names another issuer")
        }
        return jwksURI.string
    }

    private func fetch(_ url: String) async throws -> [UInt8] {
        guard let split = URLOrigin.split(ByteString(url)), split.origin.scheme == "https" || split.origin.isLoopback
        else {
            throw failure("url_refused", "keys are fetched over https, or over http from this machine only")
        }
        let answer: HTTPFetcher.Answer
        do {
            answer = try await HTTPFetcher().get(url)
        } catch {
            throw failure("fetch_failed", "\(url) cannot be reached")
        }
        guard answer.status == 200 else { throw failure("fetch_failed", "\(url) answered \(answer.status)") }
        guard answer.body.count <= 262_144 else { throw failure("fetch_failed", "\(url) answered more than 256 KiB") }
        return answer.body
    }

    private func failure(_ reason: String, _ sentence: String) -> any Error {
        StandardStreams.complainPlainly("\(reason): \(sentence)")
        return ExitCode(1)
    }
}
