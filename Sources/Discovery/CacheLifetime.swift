/// For how many seconds verifiers may keep what we publish.
package enum CacheLifetime {
    /// The metadata does not change while a server runs.
    package static let providerMetadata: Int64 = 3600
    /// Also the time for which a withdrawn key may still be accepted.
    package static let jwkSet: Int64 = 300
}
