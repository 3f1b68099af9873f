package import Discovery
import JOSE
import NIOHTTP1
import Synchronization

/// Discovery document and JWK Set from memory: whatever happens to the store, these two are answered.
package final class PublicPlane: Sendable {
    private let metadata: PublishedDocument
    private let jwkSet: Mutex<PublishedDocument>
    private let configurationPath: ByteString
    private let jwkSetPaths: Set<ByteString>

    package init(issuer: IssuerIdentifier, metadata: PublishedDocument, jwkSet: PublishedDocument) {
        self.metadata = metadata
        self.jwkSet = Mutex(jwkSet)
        configurationPath = issuer.path + WellKnownPath.configuration
        jwkSetPaths = [issuer.path + WellKnownPath.jwkSet, issuer.path + WellKnownPath.jwkSetAlias]
    }

    /// The JWK Set from now on.
    package func publish(_ document: PublishedDocument) {
        jwkSet.withLock { $0 = document }
    }

    /// The answer for one of our paths, by its exact bytes; nil for any other.
    package func document(for request: PlaneRequest) -> PlaneResponse? {
        if request.path == configurationPath { return answer(request, with: metadata) }
        if jwkSetPaths.contains(request.path) { return answer(request, with: jwkSet.withLock { $0 }) }
        return nil
    }

    private func answer(_ request: PlaneRequest, with document: PublishedDocument) -> PlaneResponse {
        guard request.method == .GET || request.method == .HEAD else {
            return ErrorResponse.methodNotAllowed(allowed: "GET, HEAD")
        }
        let headers: HTTPHeaders = [
            "Content-Type": document.contentType.string, "Cache-Control": document.cacheControl.string,
            "ETag": document.entityTag.string, "Access-Control-Allow-Origin": "*",
        ]
        let isKnown = request.headers["If-None-Match"].contains { matches($0, document.entityTag) }
        return isKnown
            ? PlaneResponse(status: .notModified, headers: headers)
            : PlaneResponse(status: .ok, headers: headers, body: document.body)
    }

    /// Weak comparison, as `If-None-Match` wants (RFC 9110 §13.1.2).
    private func matches(_ field: String, _ entityTag: ByteString) -> Bool {
        field.utf8.split(separator: UInt8(ascii: ",")).contains { candidate in
            let trimmed = candidate.drop { $0 == 0x20 || $0 == 0x09 }
            let tag = trimmed.starts(with: "W/".utf8) ? trimmed.dropFirst(2) : trimmed
            let bytes = ByteString(tag.reversed().drop { $0 == 0x20 || $0 == 0x09 }.reversed())
            return bytes == entityTag || bytes == "*"
        }
    }
}

extension PublicPlane: Plane {
    package func answerAtOnce(_ request: PlaneRequest) -> PlaneResponse? {
        document(for: request)
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        ErrorResponse.response(to: .pathNotFound)
    }
}
