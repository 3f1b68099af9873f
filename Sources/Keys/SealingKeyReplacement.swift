/// Where the next key-encryption key waits until everything is sealed with it.
package protocol SealingKeyReplacement: Sendable {
    /// Makes a new key, durable as a draft, and answers what seals with it.
    func makeDraft() throws -> any KeySealer
    /// The draft takes the place of the key.
    func promoteDraft() throws
}
