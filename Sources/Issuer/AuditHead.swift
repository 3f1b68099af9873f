package import JOSE

/// What an issuance log held at one instant: where each of its chains ended.
///
/// Each digest covers every record before it, so whoever keeps a head elsewhere notices when any of them is changed or
/// gone.
package struct AuditHead: Hashable, Sendable {
    /// The version of the document.
    private static let version: Int64 = 1
    private static let members: Set<ByteString> = ["version", "at", "count", "chains", "key"]

    /// When it was made, as RFC 3339 text.
    package let at: ByteString
    /// The ends of all chains that have a record, by their names.
    package let chains: [AuditChainHead]

    package init(_ chains: [AuditChainHead], at: ByteString) {
        self.at = at
        self.chains = chains.filter { $0.sequence > 0 }.sorted { $0.name < $1.name }
    }

    /// How many records all chains have together.
    package var count: Int64 {
        chains.reduce(0) { $0 + $1.sequence }
    }

    /// What is signed, with the public half of the key that signs it.
    ///
    /// None of its members is a claim that a token has (RFC 7519 §4.1).
    func document(signedBy key: JWK) -> JSONObject {
        let rows = chains.map { chain in
            JSONValue.object(
                JSONObject([
                    ("name", .string(chain.name)), ("index", .integer(chain.sequence)),
                    ("digest", .string(ByteString(Base64URL.encode(chain.digest)))),
                ])
            )
        }
        return JSONObject([
            ("version", .integer(Self.version)), ("at", .string(at)), ("count", .integer(count)),
            ("chains", .array(rows)), ("key", .object(key.published)),
        ])
    }

    /// Reads what ``document(signedBy:)`` wrote, and nothing else.
    init(parsing object: JSONObject) throws(AuditHeadFault) {
        guard object.members.count == Self.members.count, object.members.allSatisfy({ Self.members.contains($0.name) }),
            object["version"]?.integerValue == Self.version, let at = object["at"]?.stringValue,
            at.count == 20, at.bytes.allSatisfy({ (0x21...0x7E).contains($0) }),
            let rows = object["chains"]?.arrayValue
        else { throw .malformed }
        var chains: [AuditChainHead] = []
        for row in rows {
            let chain = try Self.chain(row)
            if let last = chains.last, last.name >= chain.name { throw .malformed }
            chains.append(chain)
        }
        self.init(chains, at: at)
        var count: Int64 = 0
        for chain in chains {
            let sum = count.addingReportingOverflow(chain.sequence)
            guard !sum.overflow else { throw .malformed }
            count = sum.partialValue
        }
        guard object["count"]?.integerValue == count else { throw .malformed }
    }

    private static func chain(_ value: JSONValue) throws(AuditHeadFault) -> AuditChainHead {
        guard let row = value.objectValue, row.members.count == 3, let name = row["name"]?.stringValue,
            Runner.isValidName(name), let index = row["index"]?.integerValue, index > 0,
            let text = row["digest"]?.stringValue,
            let digest = try? Base64URL.decode(text.bytes), digest.count == AuditChain.beginning.count
        else { throw .malformed }
        return AuditChainHead(name: name, sequence: index, digest: digest)
    }
}
