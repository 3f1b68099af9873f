import Foundation
import JOSE

/// The keys that sign, by the digest of the stored ring: a version alone could be one that was rolled back.
struct ActiveKeys: Sendable {
    var digest: Data?
    var kids: Set<ByteString> = []
}
