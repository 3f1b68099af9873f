/// Where the key ring lies: one value with a version.
package protocol KeyStore: Sendable {
    /// The stored ring; the empty ring of version 0 where none was ever stored.
    func keyRing() async throws -> KeyRing
    /// Stores `ring` if the stored version is still `version`; answers whether it was.
    func replaceKeyRing(with ring: KeyRing, expecting version: Int64) async throws -> Bool
}
