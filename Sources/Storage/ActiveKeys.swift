import JOSE

/// The keys that sign, by version and digest of the stored ring: a version alone could be one that was rolled back.
struct ActiveKeys: Sendable {
    var version: Int64?
    var digest: [UInt8]?
    var kids: [ByteString] = []
}
