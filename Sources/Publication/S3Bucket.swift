package import JOSE

/// Where the objects lie: `{endpoint}/{bucket}/{prefix}/…`, the path style that every S3-compatible store knows.
package struct S3Bucket: Hashable, Sendable {
    let endpoint: PlaceURL
    let region: String
    private let folder: ByteString

    /// Nil unless bucket and prefix are plain path segments, the prefix possibly none or several, and the region is a
    /// word of lower-case letters, digits and `-`.
    package init?(endpoint: PlaceURL, name: ByteString, region: ByteString, prefix: ByteString) {
        let folder = prefix.isEmpty ? name : name + "/" + prefix
        guard !name.bytes.contains(UInt8(ascii: "/")), PlainPath.isPlain(folder), !region.isEmpty,
            region.bytes.allSatisfy(Self.isRegionByte)
        else { return nil }
        self.endpoint = endpoint
        self.region = region.string
        self.folder = folder
    }

    func url(of path: ByteString) -> String {
        endpoint.url(of: folder + "/" + path)
    }

    /// The request's path.
    func path(of path: ByteString) -> String {
        endpoint.path + "/" + (folder + "/" + path).string
    }

    private static func isRegionByte(_ byte: UInt8) -> Bool {
        "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains(byte)
    }
}
