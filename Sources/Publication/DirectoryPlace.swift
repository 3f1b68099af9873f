import Discovery
import Foundation
package import JOSE

/// A folder of this machine, usually one that a web server serves.
package struct DirectoryPlace: PublicationPlace {
    private static let maximumBytes = 1_048_576
    package let name: ByteString
    private let root: String

    /// `root` is a folder that exists: to make it would hide a volume that is not mounted.
    package init(name: ByteString, root: String) {
        self.name = name
        self.root = root
    }

    package func write(_ file: PublicationFile) async throws(PublicationError) {
        let folder = try folder(of: file, mayCreate: true)
        let draft = try await FileDraft(of: leaf(file), in: folder)
        try draft.replaceTarget(with: file.document.body, in: folder)
    }

    package func read(_ file: PublicationFile) async throws(PublicationError) -> PublishedCopy {
        let bytes = try folder(of: file, mayCreate: false).contents(of: leaf(file), limit: Self.maximumBytes)
        return PublishedCopy(location: root + "/" + file.path.string, body: bytes, contentType: nil)
    }

    private func folder(of file: PublicationFile, mayCreate: Bool) throws(PublicationError) -> OpenFolder {
        var folder = try OpenFolder(root: root)
        for segment in segments(file).dropLast() {
            folder = try folder.subfolder(segment, mayCreate: mayCreate)
        }
        return folder
    }

    private func leaf(_ file: PublicationFile) -> String {
        segments(file).last ?? ""
    }

    private func segments(_ file: PublicationFile) -> [String] {
        file.path.string.split(separator: "/").map(String.init)
    }
}
