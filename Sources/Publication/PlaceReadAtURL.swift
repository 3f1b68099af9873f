package import JOSE
import NIOHTTP1

/// A place whose files verifiers read somewhere else: behind a web server, or a cache.
package struct PlaceReadAtURL: PublicationPlace {
    private let place: any PublicationPlace
    private let url: PlaceURL

    /// Writes to `place`, reads below `url`.
    package init(_ place: any PublicationPlace, url: PlaceURL) {
        self.place = place
        self.url = url
    }

    package var name: ByteString { place.name }

    package func write(_ file: PublicationFile) async throws(PublicationError) {
        try await place.write(file)
    }

    /// As a verifier reads it: without any credential.
    package func read(_ file: PublicationFile) async throws(PublicationError) -> PublishedCopy {
        let target = url.url(of: file.path)
        return try await WebExchange(.GET, target, headers: [("Cache-Control", "no-cache")]).answer().copy(target)
    }
}
