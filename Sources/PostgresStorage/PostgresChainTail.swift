/// The last record of our chain.
///
/// It is the fence against a server of before: whoever has committed a record never again believes a server that does not
/// have it.
struct PostgresChainTail: Sendable {
    let sequence: Int64
    let digest: [UInt8]

    /// Whether a server that once said `other` can say this now; another process may have gone on with the chain.
    func mayFollow(_ other: PostgresChainTail) -> Bool {
        sequence > other.sequence || sequence == other.sequence && digest == other.digest
    }
}
