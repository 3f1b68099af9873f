import Discovery
package import JOSE
import NIOHTTP1

/// A server that takes files by PUT, as WebDAV servers do.
package struct HTTPPutPlace: PublicationPlace {
    package let name: ByteString
    private let url: PlaceURL
    private let authorization: Secret?

    /// `authorization` is the whole value of the header.
    package init(name: ByteString, url: PlaceURL, authorization: Secret?) {
        self.name = name
        self.url = url
        self.authorization = authorization
    }

    package func write(_ file: PublicationFile) async throws(PublicationError) {
        let target = url.url(of: file.path)
        let headers = [
            (name: "Content-Type", value: file.document.contentType.string),
            (name: "Cache-Control", value: file.document.cacheControl.string),
        ]
        let exchange = WebExchange(.PUT, target, headers: headers + credentials, body: file.document.body)
        if let failure = try await exchange.answer().writeFailure(target) { throw failure }
    }

    package func read(_ file: PublicationFile) async throws(PublicationError) -> PublishedCopy {
        let target = url.url(of: file.path)
        let headers = [(name: "Cache-Control", value: "no-cache")] + credentials
        return try await WebExchange(.GET, target, headers: headers).answer().copy(target)
    }

    private var credentials: [(name: String, value: String)] {
        authorization.map { [(name: "Authorization", value: $0.text)] } ?? []
    }
}
