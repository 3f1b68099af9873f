// A place that can be told to go wrong.

import Discovery
import JOSE
import Publication
import Synchronization

final class InMemoryPlace: PublicationPlace {
    let name: ByteString
    private let tampering: @Sendable (PublicationFile) -> PublishedCopy?
    private let files = Mutex<[PublicationFile]>([])
    private let writeFailure: PublicationError?

    /// `tampering` answers what is read instead of what was written, if anything.
    init(
        _ name: ByteString,
        writeFailure: PublicationError? = nil,
        tampering: @escaping @Sendable (PublicationFile) -> PublishedCopy? = { _ in nil }
    ) {
        self.name = name
        self.writeFailure = writeFailure
        self.tampering = tampering
    }

    /// The paths in the order in which they were written.
    var written: [ByteString] {
        files.withLock { $0.map(\.path) }
    }

    func write(_ file: PublicationFile) async throws(PublicationError) {
        if let writeFailure { throw writeFailure }
        files.withLock { $0.append(file) }
    }

    func read(_ file: PublicationFile) async throws(PublicationError) -> PublishedCopy {
        if let copy = tampering(file) { return copy }
        guard let found = files.withLock({ $0.last { $0.path == file.path } }) else {
            throw .notReadable(file.path.string, status: 404)
        }
        let document = found.document
        return PublishedCopy(location: found.path.string, body: document.body, contentType: document.contentType)
    }
}
