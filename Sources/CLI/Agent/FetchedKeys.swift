import JOSE

/// An issuer's keys, and for how many seconds they may be kept.
struct FetchedKeys {
    let keys: JWKSet
    let lifetime: Int64
}
