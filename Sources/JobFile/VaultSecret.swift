// Which field of which secret in Vault or OpenBao: GitLab's `vault:`.

package import JOSE

/// One field of a secret in Vault or OpenBao.
package struct VaultSecret: Hashable, Sendable {
    /// How an engine's answers are shaped.
    package enum Engine: String, Hashable, Sendable {
        /// Key/value, version 2: a secret has versions, its fields are at `data.data`.
        case keyValueV2 = "kv-v2"
        /// Key/value, version 1: its fields are at `data`.
        case keyValueV1 = "kv-v1"
        /// Any other engine that answers a read with fields at `data`.
        case generic
    }

    /// The engine's kind.
    package let engine: Engine

    /// Where the engine is mounted.
    package let mount: ByteString

    /// The secret's path below the mount.
    package let path: ByteString

    /// The field of it.
    package let field: ByteString

    /// The path below `/v1/` at which the secret is read.
    package var readPath: ByteString {
        mount + (engine == .keyValueV2 ? "/data/" : "/") + path
    }

    /// GitLab's default for the mount, where the short form names none and where the long form's engine is left out.
    private static let standardMount: ByteString = "kv-v2"

    init(_ value: JSONValue, at path: JobFilePath) throws(JobFileError) {
        switch value {
        case .string(let text): try self.init(short: text, at: path)
        case .object(let object): try self.init(long: object, at: path)
        default: throw JobFileError(.vaultPathMalformed, at: path)
        }
    }

    /// `production/db/password@ops`: the last segment is the field, what follows the `@` is the mount.
    private init(short text: ByteString, at path: JobFilePath) throws(JobFileError) {
        let halves = text.bytes.split(separator: UInt8(ascii: "@"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let place = halves.first, let slash = place.lastIndex(of: UInt8(ascii: "/")) else {
            throw JobFileError(.vaultPathMalformed, at: path)
        }
        try self.init(
            .keyValueV2,
            mount: halves.count == 2 ? ByteString(halves[1]) : Self.standardMount,
            path: ByteString(place[..<slash]),
            field: ByteString(place[slash...].dropFirst()),
            at: path
        )
    }

    private init(long object: JSONObject, at place: JobFilePath) throws(JobFileError) {
        try object.requireKeys(["engine", "path", "field"], at: place)
        guard let path = object["path"]?.stringValue else { throw JobFileError(.textExpected, at: place.key("path")) }
        guard let field = object["field"]?.stringValue else {
            throw JobFileError(.textExpected, at: place.key("field"))
        }
        let (engine, mount) = try Self.engine(object["engine"], at: place.key("engine"))
        try self.init(engine, mount: mount, path: path, field: field, at: place)
    }

    private static func engine(
        _ value: JSONValue?,
        at path: JobFilePath
    ) throws(JobFileError) -> (Engine, ByteString) {
        guard let value else { return (.keyValueV2, standardMount) }
        guard let object = value.objectValue else { throw JobFileError(.mappingExpected, at: path) }
        try object.requireKeys(["name", "path"], at: path)
        guard let name = object["name"]?.stringValue, let mount = object["path"]?.stringValue else {
            throw JobFileError(.textExpected, at: path)
        }
        guard let engine = Engine(rawValue: name.string) else { throw JobFileError(.engineUnknown(name), at: path) }
        return (engine, mount)
    }

    private init(
        _ engine: Engine,
        mount: ByteString,
        path: ByteString,
        field: ByteString,
        at place: JobFilePath
    ) throws(JobFileError) {
        if (mount.bytes + path.bytes + field.bytes).contains(UInt8(ascii: "$")) {
            throw JobFileError(.variableNotExpanded, at: place)
        }
        let mount = ByteString(Self.trimmed(mount))
        guard Self.isPath(mount), Self.isPath(path), !field.isEmpty else {
            throw JobFileError(.vaultPathMalformed, at: place)
        }
        self.engine = engine
        self.mount = mount
        self.path = path
        self.field = field
    }

    private static func trimmed(_ path: ByteString) -> ArraySlice<UInt8> {
        path.bytes.last == UInt8(ascii: "/") ? path.bytes.dropLast() : path.bytes[...]
    }

    /// Segments that stay below one another: none is empty, `.` or `..`, and none holds a control character.
    private static func isPath(_ path: ByteString) -> Bool {
        let segments = path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return segments.allSatisfy { segment in
            !segment.isEmpty && !segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8)
                && segment.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        }
    }
}
