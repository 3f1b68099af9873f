import Discovery
import JOSE
import Publication

/// The issuer's answer to `publication show`.
enum PublicationAnswer {
    /// The documents to publish; fewer than there should be are a failure, not a smaller publication.
    static func files(_ answer: JSONObject) throws -> [PublicationFile] {
        let rows = answer.rows("documents")
        let files = rows.compactMap(file)
        guard files.count == rows.count, files.count > 1, files.contains(where: \.isProviderMetadata) else {
            throw CommandFailure.failed("the issuer gave no documents that can be read; is it the same version?")
        }
        return files
    }

    private static func file(_ row: JSONObject) -> PublicationFile? {
        guard let path = row["path"]?.stringValue, let body = row["body"]?.stringValue,
            let contentType = row["content_type"]?.stringValue, let maximumAge = row["max_age"]?.integerValue
        else { return nil }
        let document = PublishedDocument(body: body.bytes, contentType: contentType, maximumAge: maximumAge)
        return PublicationFile(path: path, document: document)
    }
}
