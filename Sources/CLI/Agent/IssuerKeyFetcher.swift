import Attestation
import Discovery
import Foundation
import Issuer
import JOSE

/// Fetches the keys that a trusted issuer publishes: no redirect, no proxy, five seconds for all of it, 256 KiB each.
///
/// A host that the configuration names is asked wherever it is. A host that only the issuer's document names is resolved
/// once, each of its addresses must be public, and one of those is what is connected to.
struct IssuerKeyFetcher {
    /// How long a fetch may take, discovery included.
    var limit: Duration = .seconds(5)

    private static let maximumBytes = 262_144
    private static let maximumKeys = 50

    func fetch(_ location: KeyLocation) async throws(KeyFetchFailure) -> FetchedKeys {
        let first = await withTaskGroup(of: Result<FetchedKeys, KeyFetchFailure>.self) { group in
            group.addTask { await outcome(of: location) }
            group.addTask { [limit] in
                try? await Task.sleep(for: limit)
                return .failure(.outOfTime)
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(.outOfTime)
        }
        return try first.get()
    }

    private func outcome(of location: KeyLocation) async -> Result<FetchedKeys, KeyFetchFailure> {
        do throws(KeyFetchFailure) {
            return .success(try await keys(location))
        } catch {
            return .failure(error)
        }
    }

    private func keys(_ location: KeyLocation) async throws(KeyFetchFailure) -> FetchedKeys {
        let url: ByteString
        if let configured = location.jwksURI { url = configured } else { url = try await discovered(location) }
        let answer = try await get(url, location)
        guard let keys = try? JWKSet(parsing: answer.body) else { throw .keySetMalformed }
        guard keys.keys.count + keys.rejected.count <= Self.maximumKeys else { throw .tooManyKeys }
        let lifetime = KeySetLifetime.seconds(
            cacheControl: answer.cacheControl.map { ByteString($0) },
            age: answer.age.map { ByteString($0) }
        )
        return FetchedKeys(keys: keys, lifetime: lifetime)
    }

    /// `jwks_uri` of the document that names exactly this issuer (OpenID Connect Discovery §4.1, §4.3).
    private func discovered(_ location: KeyLocation) async throws(KeyFetchFailure) -> ByteString {
        let base = location.issuer.hasSuffix("/") ? ByteString(location.issuer.bytes.dropLast()) : location.issuer
        let answer = try await get(base + WellKnownPath.configuration, location)
        guard case .object(let metadata)? = try? JSONReader.read(answer.body, limits: Self.limits),
            let stated = metadata["issuer"]?.stringValue, let url = metadata["jwks_uri"]?.stringValue
        else { throw .discoveryMalformed }
        guard stated == location.issuer else { throw .issuerMismatch }
        guard let split = URLOrigin.split(url), !split.hasUserinfo, split.isPlain,
            url.bytes.allSatisfy({ (0x21...0x7E).contains($0) }), !split.rest.bytes.contains(UInt8(ascii: "#")),
            split.rest.isEmpty || split.rest.hasPrefix("/"),
            split.origin.scheme == "https" || (split.origin.scheme == "http" && split.origin.isLoopback)
        else { throw .addressRefused }
        return url
    }

    private static let limits = JSONReader.Limits(
        maximumBytes: maximumBytes,
        maximumDepth: 8,
        maximumMembers: 256,
        maximumElements: 1024
    )

    // MARK: - Requests

    private func get(_ url: ByteString, _ location: KeyLocation) async throws(KeyFetchFailure) -> HTTPFetcher.Answer {
        guard let host = URLOrigin.split(url)?.origin.host else { throw .addressRefused }
        let addresses = try await addresses(of: host, location)
        var failure = KeyFetchFailure.unreachable
        for address in addresses {
            do throws(KeyFetchFailure) {
                return try await get(url, host: host, at: address, location)
            } catch {
                failure = error
                if error != .unreachable { throw error }
            }
        }
        throw failure
    }

    private func get(
        _ url: ByteString,
        host: ByteString,
        at address: NetworkAddress?,
        _ location: KeyLocation
    ) async throws(KeyFetchFailure) -> HTTPFetcher.Answer {
        // The limit of all of it comes first, and says so.
        var fetcher = HTTPFetcher(trustRoots: location.caBundle?.string, limit: limit + .seconds(1))
        fetcher.maximumBodyBytes = Self.maximumBytes
        if let address { fetcher.addresses = [host.string: address.text.string] }
        let answer: HTTPFetcher.Answer
        do {
            answer = try await fetcher.get(url.string, headers: [("Accept", "application/json")])
        } catch {
            throw KeyFetchFailure.unreachable
        }
        guard answer.status == 200 else { throw .notOK }
        return answer
    }

    /// What to connect to; one nil for a host that the configuration names, whose name is resolved as any other.
    private func addresses(
        of host: ByteString,
        _ location: KeyLocation
    ) async throws(KeyFetchFailure) -> [NetworkAddress?] {
        let named = [location.issuer, location.jwksURI].compactMap { $0.flatMap(URLOrigin.split)?.origin.host }
        if named.contains(host) { return [nil] }
        let bare = host.hasPrefix("[") ? ByteString(host.bytes.dropFirst().dropLast()) : host
        if let address = NetworkAddress(bare) {
            guard PublicAddress.contains(address) else { throw .addressPrivate }
            return [nil]
        }
        guard let addresses = try? await HostAddresses.of(host.string) else { throw .unreachable }
        guard addresses.allSatisfy(PublicAddress.contains) else { throw .addressPrivate }
        return Array(addresses.prefix(3))
    }
}
