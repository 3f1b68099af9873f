import Discovery
import JOSE

/// Writes the documents to every place, then reads each of them back: only what was read counts as published.
package struct Publisher: Sendable {
    private let files: [PublicationFile]

    /// The JWK Set goes first: a verifier that follows the new discovery document must find the keys it leads to.
    package init(_ files: [PublicationFile]) {
        self.files = files.filter { !$0.isProviderMetadata } + files.filter(\.isProviderMetadata)
    }

    /// One report a place, in the order given.
    ///
    /// All places at once: one that hangs or fails neither stops nor delays the others.
    package func publish(to places: [any PublicationPlace]) async -> [PlaceReport] {
        await withTaskGroup(of: (Int, PlaceReport).self) { group in
            for (position, place) in places.enumerated() {
                group.addTask { (position, await report(place)) }
            }
            var reports: [(Int, PlaceReport)] = []
            for await report in group { reports.append(report) }
            return reports.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func report(_ place: any PublicationPlace) async -> PlaceReport {
        do throws(PublicationError) {
            for file in files { try await place.write(file) }
            return PlaceReport(name: place.name, outcome: .success(try await keysReadBack(from: place)))
        } catch {
            return PlaceReport(name: place.name, outcome: .failure(error))
        }
    }

    /// The `kid`s that every JWK Set of the place holds.
    private func keysReadBack(from place: any PublicationPlace) async throws(PublicationError) -> [ByteString] {
        var seen: [ByteString]?
        for file in files {
            let copy = try await place.read(file)
            try Self.compare(copy, with: file)
            guard !file.isProviderMetadata else { continue }
            let keys = try Self.keys(copy)
            seen = seen.map { $0.filter(keys.contains) } ?? keys
        }
        return seen ?? []
    }

    private static func compare(_ copy: PublishedCopy, with file: PublicationFile) throws(PublicationError) {
        guard copy.body == file.document.body else { throw .otherBytes(copy.location) }
        // Some verifiers refuse a discovery document of another type; of the JWK Set none we know asks.
        guard file.isProviderMetadata, let mediaType = copy.mediaType, mediaType != file.document.contentType else {
            return
        }
        throw .otherContentType(copy.location, mediaType)
    }

    private static func keys(_ copy: PublishedCopy) throws(PublicationError) -> [ByteString] {
        guard let set = try? JWKSet(parsing: copy.body), set.rejected.isEmpty else {
            throw .keysUnreadable(copy.location)
        }
        return set.keys.compactMap(\.keyID)
    }
}
