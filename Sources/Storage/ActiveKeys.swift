import Foundation
import JOSE

/// The keys that sign, by the stored ring's exact bytes: a version alone could be one that was rolled back.
struct ActiveKeys: Sendable {
    var document = Data()
    var kids: Set<ByteString> = []
}
