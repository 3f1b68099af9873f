package import JOSE

/// What every process that rotates one ring goes by: kept in the store, so that they can't differ.
package struct RotationRules: Hashable, Sendable {
    package let schedule: RotationSchedule
    /// The names of the places where the JWK Set is published as a file, beside the issuer itself.
    package let places: [ByteString]

    /// What keys the ring holds; of each an active one and a published standby.
    package let purposes: [KeyPurpose]

    package init(
        schedule: RotationSchedule,
        places: [ByteString] = [],
        purposes: [KeyPurpose] = KeyPurpose.allTokens
    ) {
        self.schedule = schedule
        self.purposes = purposes
        self.places = places
    }
}
