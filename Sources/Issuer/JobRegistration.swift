private import Crypto
package import JOSE

/// What a runner asks for when it registers a job: the body of `POST /v1/jobs`, checked.
package struct JobRegistration: Hashable, Sendable {
    package let facts: JobFacts
    /// Whether the job gets a request token (`"permissions": {"id-token": "write"}`).
    package let mayRequestTokens: Bool
    /// The only audiences that the request token may ask for; nil where the registration names none.
    package let audiences: [Audience]?
    /// Tokens that are made at registration, each under the name of a variable.
    package let namedTokens: [NamedToken]
    /// The CI's own name for the job, unique per runner.
    package let reference: ByteString?
    /// Seconds until the job ends by itself, 1…86400; nil where the registration leaves that to us.
    package let requestedLifetime: Int64?
    /// Seconds within which a heartbeat must come, 1…86400; nil for a job without a lease.
    package let lease: Int64?
    /// The checked body, as it is stored and read again: bytes, for a live job is kept in memory and its body as a tree
    /// would be most of it.
    package let document: [UInt8]

    /// Seconds until a job ends whose registration does not say when.
    package static let standardLifetime: Int64 = 3600

    private static let members: Set<ByteString> = [
        "job", "permissions", "audiences", "reference", "id_tokens", "expires_in", "lease",
    ]

    package init(parsing object: JSONObject) throws(Refusal) {
        try object.refuseMembers(beyond: Self.members)
        guard let job = try object.object("job") else { throw Refusal(.memberMissing, "job") }
        facts = try JobFacts(parsing: job)
        mayRequestTokens = try Self.permission(object.object("permissions"))
        audiences = try Self.audiences(object)
        namedTokens = try NamedToken.all(object.object("id_tokens"))
        reference = try Self.reference(object)
        requestedLifetime = try object.integer("expires_in", in: 1...86_400)
        lease = try object.integer("lease", in: 1...86_400)
        document = object.serialized
    }

    /// A hash that is the same for the same members and values in any order: what tells a repeated registration from
    /// another one under the same reference.
    ///
    /// Made when it is asked for, which is seldom.
    package var digest: [UInt8] {
        // What was written of a tree that was read can be read again; if not, it is like nothing else.
        let tree = try? JSONReader.read(document, limits: JSONReader.Limits(maximumBytes: .max))
        return Array(SHA256.hash(data: tree.map { Self.sorted($0).serialized } ?? document))
    }

    private static func permission(_ permissions: JSONObject?) throws(Refusal) -> Bool {
        guard let permissions else { return false }
        try permissions.refuseMembers(beyond: ["id-token"], of: "permissions.")
        switch permissions["id-token"] {
        case nil, .string("none"): return false
        case .string("write"): return true
        case .string: throw Refusal(.outOfRange, "permissions.id-token")
        default: throw Refusal(.wrongType, "permissions.id-token")
        }
    }

    private static func audiences(_ object: JSONObject) throws(Refusal) -> [Audience]? {
        guard let value = object["audiences"] else { return nil }
        guard case .array(let values) = value else { throw Refusal(.wrongType, "audiences") }
        guard values.count <= 64 else { throw Refusal(.tooMany, "audiences") }
        var audiences: [Audience] = []
        for value in values {
            guard case .string(let text) = value else { throw Refusal(.wrongType, "audiences") }
            audiences.append(try Audience(text))
        }
        return audiences
    }

    private static func reference(_ object: JSONObject) throws(Refusal) -> ByteString? {
        guard let value = object["reference"] else { return nil }
        guard case .string(let text) = value else { throw Refusal(.wrongType, "reference") }
        guard isReference(text) else { throw Refusal(.outOfRange, "reference") }
        return text
    }

    /// 1 to 255 bytes without control characters.
    package static func isReference(_ text: ByteString) -> Bool {
        (1...255).contains(text.count) && text.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    private static func sorted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object):
            .object(JSONObject(object.members.map { ($0.name, sorted($0.value)) }.sorted { $0.0 < $1.0 }))
        case .array(let values): .array(values.map(sorted))
        case .null, .bool, .integer, .number, .string: value
        }
    }
}
