package import JOSE

/// Compares a log, page by page, with a head of it that was kept elsewhere: records may have come behind the head's,
/// and nothing else may have changed.
///
/// That each chain is one by itself says ``AuditChain/firstBreak(in:after:)``; both together leave no record below the
/// head that could be another.
package struct AuditHeadCheck: Sendable {
    package let head: VerifiedAuditHead
    private let expected: [ByteString: AuditChainHead]
    /// The last record seen of each chain.
    private var ends: [ByteString: Int64] = [:]
    private var matching: Set<ByteString> = []
    private var isKeyActivated = false
    private var isKeyRevoked = false

    package init(_ head: VerifiedAuditHead) {
        self.head = head
        expected = Dictionary(head.head.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Looks at records that follow those seen before of their chain.
    package mutating func look(at page: [StoredAuditRecord], of chain: ByteString) {
        let end = expected[chain]
        for record in page {
            if record.sequence == end?.sequence, record.digest == end?.digest { matching.insert(chain) }
            ends[chain] = record.sequence
            if !head.isKeyBelieved { note(record, isBelowHead: record.sequence <= end?.sequence ?? 0) }
        }
    }

    /// After the whole log was seen.
    ///
    /// - Throws: What is wrong with the log; else what is wrong with the key that signed the head.
    package func finish() throws(AuditHeadFault) {
        for chain in head.head.chains {
            guard let end = ends[chain.name] else { throw .chainMissing(chain.name) }
            guard end >= chain.sequence else { throw .chainCut(chain.name, at: end, had: chain.sequence) }
            guard matching.contains(chain.name) else { throw .chainRewritten(chain.name, at: chain.sequence) }
        }
        guard !head.isKeyBelieved else { return }
        guard isKeyActivated else { throw .keyUnknown(head.kid) }
        guard !isKeyRevoked else { throw .keyRevoked(head.kid) }
    }

    /// Whether the key signed for us before the head was made, and whether it was ever withdrawn for compromise.
    private mutating func note(_ record: StoredAuditRecord, isBelowHead: Bool) {
        guard Self.isOfAKey(record.document),
            case .object(let object)? = try? JSONReader.read(record.document),
            object["kid"]?.stringValue == head.kid, object["decision"] == "permit"
        else { return }
        switch object["operation"]?.stringValue {
        case "key_activate": isKeyActivated = isKeyActivated || isBelowHead
        case "key_revoke": isKeyRevoked = true
        default: break
        }
    }

    /// Whether it may be the record of something that happened to a key; to read each record whole takes far longer.
    ///
    /// The operation is the second member of every record, behind the time.
    private static func isOfAKey(_ document: [UInt8]) -> Bool {
        let sought = Array("\"operation\":\"key_".utf8)
        let beginning = document.prefix(64)
        return beginning.indices.contains { beginning[$0...].starts(with: sought) }
    }
}
