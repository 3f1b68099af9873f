// Key sets: ours as published, and those of others as read.

/// A set of public keys (RFC 7517 §5), each with a `kid` of its own or none.
package struct JWKSet: Hashable, Sendable {
    /// The usable keys, in the order given.
    package let keys: [JWK]

    /// The entries left out, in the order given.
    package let rejected: [RejectedJWK]

    /// The most bytes of a set that is read: 256 KiB.
    package static let maximumBytes = 262_144

    /// The most keys of a set that is read.
    package static let maximumKeys = 100

    /// Creates a set of these keys.
    ///
    /// Keys that share a `kid` are all left out, and listed in ``rejected``.
    package init(_ keys: [JWK]) {
        self.init(entries: keys.map { Entry(keyID: $0.keyID, outcome: .success($0)) })
    }

    /// Reads a key set.
    ///
    /// An entry that is not understood, unfit or weak is left out and the rest is used (RFC 7517 §5). Keys that share a
    /// `kid` are all left out: choosing either would be a guess. An entry that leaks a private or symmetric key takes the
    /// others of its `kid` with it, because that key is compromised.
    ///
    /// - Parameter bytes: The document, at most ``maximumBytes``.
    /// - Throws: ``JOSEError/unreadableKeySet(_:)``, ``JOSEError/malformedKeySet`` or ``JOSEError/tooManyKeys``. Keys being
    ///   unfit is no error; the set may come out empty.
    package init(parsing bytes: [UInt8]) throws(JOSEError) {
        guard case .object(let document) = try Self.read(bytes), let values = document["keys"]?.arrayValue else {
            throw .malformedKeySet
        }
        guard values.count <= Self.maximumKeys else { throw .tooManyKeys }
        self.init(entries: values.map(Entry.init(parsing:)))
    }

    /// The document `{"keys":[…]}` as compact ASCII JSON, each key as ``JWK/published``.
    package var serialized: [UInt8] {
        JSONObject([("keys", .array(keys.map { .object($0.published) }))]).serialized
    }

    private init(entries: [Entry]) {
        let claims = entries.filter(\.claimsKeyID).compactMap(\.keyID)
        let duplicates = Set(Dictionary(claims.map { ($0, 1) }, uniquingKeysWith: +).filter { $0.value > 1 }.keys)
        var keys: [JWK] = []
        var rejected: [RejectedJWK] = []
        for (position, entry) in entries.enumerated() {
            switch entry.outcome {
            case .failure(let error):
                rejected.append(RejectedJWK(position: position, keyID: entry.keyID, error: error))
            case .success(let key):
                if let keyID = key.keyID, duplicates.contains(keyID) {
                    rejected.append(RejectedJWK(position: position, keyID: keyID, error: .duplicateKeyID(keyID)))
                } else {
                    keys.append(key)
                }
            }
        }
        self.keys = keys
        self.rejected = rejected
    }

    private static func read(_ bytes: [UInt8]) throws(JOSEError) -> JSONValue {
        do throws(JSONError) {
            return try JSONReader.read(bytes, limits: JSONReader.Limits(maximumBytes: maximumBytes))
        } catch {
            throw error == .tooManyElements ? .tooManyKeys : .unreadableKeySet(error)
        }
    }
}

extension JWKSet {
    /// One entry of `keys`, usable or not.
    private struct Entry {
        let keyID: ByteString?
        let outcome: Result<JWK, JWKError>

        init(keyID: ByteString?, outcome: Result<JWK, JWKError>) {
            self.keyID = keyID
            self.outcome = outcome
        }

        init(parsing value: JSONValue) {
            guard let object = value.objectValue else {
                self.init(keyID: nil, outcome: .failure(.notAnObject))
                return
            }
            let keyID = object["kid"]?.stringValue.flatMap { $0.count <= JWK.maximumKeyIDBytes ? $0 : nil }
            do throws(JWKError) {
                self.init(keyID: keyID, outcome: .success(try JWK(parsing: object)))
            } catch {
                self.init(keyID: keyID, outcome: .failure(error))
            }
        }

        /// Whether another key of the same `kid` cannot be used beside this entry.
        ///
        /// Entries that merely are not understood may share one (RFC 7517 §4.5).
        var claimsKeyID: Bool {
            switch outcome {
            case .success, .failure(.privateMaterial), .failure(.symmetricKey): true
            case .failure: false
            }
        }
    }
}
