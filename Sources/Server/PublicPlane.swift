package import Discovery
import JOSE
import NIOCore
import NIOHTTP1
private import Synchronization

/// Discovery document and JWK Set from memory: whatever happens to the store, these two are answered.
package final class PublicPlane: Sendable {
    private let metadata: PublishedAnswers
    private let jwkSet: Mutex<JWKSetAnswers>
    private let isOld: @Sendable () -> Bool
    private let configurationPath: ByteString
    private let jwkSetPaths: [ByteString]

    private struct JWKSetAnswers {
        let current: PublishedAnswers
        let old: PublishedAnswers

        init(_ document: PublishedDocument) {
            current = PublishedAnswers(document)
            old = PublishedAnswers(document.notKept)
        }
    }

    /// While `isOld`, others may have published keys of which this process has not heard.
    ///
    /// Its JWK Set is answered all the same, for it may be the only one that is to be had; but no cache keeps it.
    package init(
        issuer: IssuerIdentifier,
        metadata: PublishedDocument,
        jwkSet: PublishedDocument,
        isOld: @escaping @Sendable () -> Bool = { false }
    ) {
        self.metadata = PublishedAnswers(metadata)
        self.jwkSet = Mutex(JWKSetAnswers(jwkSet))
        self.isOld = isOld
        configurationPath = issuer.path + WellKnownPath.configuration
        jwkSetPaths = [issuer.path + WellKnownPath.jwkSet, issuer.path + WellKnownPath.jwkSetAlias]
    }

    /// The JWK Set from now on.
    package func publish(jwkSet document: PublishedDocument) {
        let answers = JWKSetAnswers(document)
        jwkSet.withLock { $0 = answers }
    }

    private var publishedSet: PublishedAnswers {
        let isOld = isOld()
        return jwkSet.withLock { isOld ? $0.old : $0.current }
    }

    /// The answer for one of our paths, by its exact bytes; nil for any other.
    package func document(for request: PlaneRequest) -> PlaneResponse? {
        if jwkSetPaths.contains(request.path) { return answer(request, with: publishedSet) }
        if request.path == configurationPath { return answer(request, with: metadata) }
        return nil
    }

    /// The same for a request's bytes: of those without a query and without a condition.
    func documentAtOnce(_ request: UsualRequest, in bytes: Span<UInt8>) -> PublishedAnswers? {
        guard request.method != .other, request.isPlain, request.contentLength == nil, request.query == nil else {
            return nil
        }
        return document(at: request.path, in: bytes)
    }

    /// The document of a path, by its exact bytes.
    func document(at path: Range<Int>, in bytes: Span<UInt8>) -> PublishedAnswers? {
        if jwkSetPaths.contains(where: { bytes.isEqual(path, to: $0.bytes) }) { return publishedSet }
        return bytes.isEqual(path, to: configurationPath.bytes) ? metadata : nil
    }

    private func answer(_ request: PlaneRequest, with answers: PublishedAnswers) -> PlaneResponse {
        guard request.method == .GET || request.method == .HEAD else {
            return ErrorResponse.methodNotAllowed(allowed: "GET, HEAD")
        }
        return answers.isKnown(to: request) ? answers.notModified : answers.full
    }
}

extension PublicPlane: Plane {
    package var hotPaths: HotPaths? {
        HotPaths(documents: self)
    }

    package func answerAtOnce(_ request: PlaneRequest) -> PlaneResponse? {
        document(for: request)
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        ErrorResponse.response(to: .pathNotFound)
    }
}
