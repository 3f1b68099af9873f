package import Discovery
package import JOSE
import NIOHTTP1
private import Synchronization

/// The agent's public documents from memory, each at its exact path: the trust bundle, and what goes with it.
package final class BundlePlane: Plane {
    private let answers: Mutex<[ByteString: PublishedAnswers]>

    package init(_ documents: [ByteString: PublishedDocument]) {
        answers = Mutex(documents.mapValues(PublishedAnswers.init))
    }

    /// The documents from now on.
    package func publish(_ documents: [ByteString: PublishedDocument]) {
        let next = documents.mapValues(PublishedAnswers.init)
        answers.withLock { $0 = next }
    }

    package func answerAtOnce(_ request: PlaneRequest) -> PlaneResponse? {
        guard let document = answers.withLock({ $0[request.path] }) else { return nil }
        guard request.method == .GET || request.method == .HEAD else {
            return ErrorResponse.methodNotAllowed(allowed: "GET, HEAD")
        }
        return document.isKnown(to: request) ? document.notModified : document.full
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        ErrorResponse.response(to: .pathNotFound)
    }
}
