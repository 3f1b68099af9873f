/// One value of a store's table, whatever the engine.
package enum StoreValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case bytes([UInt8])
    case text(String)
}

/// A table that every engine has, with the columns that mean the same in each: what a copy of a store consists of.
package struct StoreTable: Hashable, Sendable {
    package let name: String
    package let columns: [String]
    /// The order in which rows are read.
    package let order: String

    /// Those that others refer to first.
    package static let all = [
        StoreTable(name: "key_ring", columns: ["version", "document", "digest", "replaced_at"], order: "version"),
        StoreTable(name: "sealed_secret", columns: ["name", "sealed"], order: "name"),
        StoreTable(
            name: "runner",
            columns: [
                "id", "name", "credential_digest", "valid_until", "former_digest", "former_valid_until", "patterns",
                "bounds", "added_at", "revoked_at",
            ],
            order: "id"
        ),
        StoreTable(name: "repository", columns: ["name", "id", "owner_id", "pinned_at"], order: "name"),
        StoreTable(
            name: "job",
            columns: [
                "id", "runner", "reference", "registration", "facts", "revision", "registered_at", "expires_at",
                "lease_expires_at", "has_token", "ended_at", "end_reason", "approval_required", "waits_since",
                "waits_until", "approved_by", "approved_at",
            ],
            order: "id"
        ),
        StoreTable(name: "grant_use", columns: ["job", "rule", "audiences", "claims", "used_at"], order: "sequence"),
        StoreTable(name: "key_use", columns: ["kid", "tokens_expire_by"], order: "kid"),
        StoreTable(name: "sighting", columns: ["place", "kid", "first_seen_at"], order: "place, kid"),
        StoreTable(name: "setting", columns: ["name", "document"], order: "name"),
        audit,
    ]

    /// The log; in a store that several processes share, one chain of it.
    package static let audit = StoreTable(
        name: "audit",
        columns: ["sequence", "document", "digest"],
        order: "sequence"
    )
}
