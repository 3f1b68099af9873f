import JOSE
import Publication

/// One entry of `publication.places`, as the operator wrote it.
struct PlaceSettings {
    /// What the place is written to; credentials are not read yet.
    enum Kind {
        case s3(S3Bucket)
        case directory(String)
        case put(PlaceURL, authorizationFile: String?)
    }

    let name: ByteString
    let kind: Kind
    /// Where verifiers read it, if that is not the place itself.
    let url: PlaceURL?

    /// `[a-z0-9-]{1,64}`: it stands in commands, records and logs.
    static func isValidName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) }
    }
}
