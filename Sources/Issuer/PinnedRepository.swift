package import JOSE
package import Keys

package struct PinnedRepository: Hashable, Sendable {
    package let name: ByteString
    package let id: ByteString
    package let ownerID: ByteString?
    package let pinnedAt: NumericDate

    package init(name: ByteString, id: ByteString, ownerID: ByteString?, pinnedAt: NumericDate) {
        self.name = name
        self.id = id
        self.ownerID = ownerID
        self.pinnedAt = pinnedAt
    }
}
