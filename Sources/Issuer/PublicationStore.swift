/// What is published as files beside the issuer's own answers.
package protocol PublicationStore: Sendable {
    /// The discovery document as the issuer serves it; nil where none ever ran on this store.
    func providerMetadata() async throws(StoreError) -> [UInt8]?
}
