import Discovery
import JOSE
import Publication
import Yams

/// `publication.places` of the file: where the public documents are to lie, and everything that is wrong with it.
struct PublicationPlaces {
    private(set) var places: [PlaceSettings] = []
    private(set) var problems: [String] = []

    init() {}

    init(_ node: Node, path: String) {
        guard let sequence = node.sequence else {
            problems = ["\(path) must be a list of places"]
            return
        }
        for (position, entry) in sequence.enumerated() {
            var reading = PlaceReading(entry, path: "\(path)[\(position)]")
            let place = reading.place()
            problems += reading.problems
            guard let place else { continue }
            if places.contains(where: { $0.name == place.name }) {
                problems.append("\(path)[\(position)].name \(place.name) is taken by a place before it; choose another")
            }
            places.append(place)
        }
    }
}

/// Reads one place and collects what is wrong with it.
private struct PlaceReading {
    private static let kinds = ["s3", "directory", "put"]
    private let node: Node
    private let path: String
    private(set) var problems: [String] = []

    init(_ node: Node, path: String) {
        self.node = node
        self.path = path
    }

    /// Nil where there is a problem.
    mutating func place() -> PlaceSettings? {
        guard let entries = entries(of: node, path, known: Self.kinds + ["name", "url", "authorizationFile"]) else {
            return nil
        }
        let name = name(entries["name"])
        let url = entries["url"].flatMap { self.url($0, path + ".url") }
        let kind = kind(entries)
        guard problems.isEmpty, let name, let kind else { return nil }
        return PlaceSettings(name: name, kind: kind, url: url)
    }

    private mutating func name(_ node: Node?) -> ByteString? {
        guard let name = node?.scalar?.string, PlaceSettings.isValidName(name) else {
            problems.append("\(path).name must be 1 to 64 of a-z, 0-9 and '-'")
            return nil
        }
        return ByteString(name)
    }

    private mutating func kind(_ entries: [String: Node]) -> PlaceSettings.Kind? {
        let kinds = Self.kinds.filter { entries[$0] != nil }
        guard kinds.count == 1 else {
            problems.append("\(path) must have exactly one of s3, directory and put")
            return nil
        }
        if entries["put"] == nil, entries["authorizationFile"] != nil {
            problems.append("\(path).authorizationFile goes with put only")
        }
        if let node = entries["s3"] { return bucket(node, path + ".s3").map { .s3($0) } }
        if let node = entries["directory"] { return absolutePath(node, path + ".directory").map { .directory($0) } }
        let file = entries["authorizationFile"].flatMap { absolutePath($0, path + ".authorizationFile") }
        return entries["put"].flatMap { url($0, path + ".put") }.map { .put($0, authorizationFile: file) }
    }

    private mutating func bucket(_ node: Node, _ path: String) -> S3Bucket? {
        guard let entries = entries(of: node, path, known: ["endpoint", "bucket", "region", "prefix"]) else {
            return nil
        }
        let endpoint = entries["endpoint"].flatMap { url($0, path + ".endpoint") }
        let texts = ["bucket", "region", "prefix"].map { entries[$0].map { ByteString($0.scalar?.string ?? "?") } }
        if entries["endpoint"] == nil { problems.append("\(path).endpoint is missing") }
        guard let name = texts[0] else {
            problems.append("\(path).bucket is missing")
            return nil
        }
        guard let endpoint else { return nil }
        let bucket = S3Bucket(endpoint: endpoint, name: name, region: texts[1] ?? "us-east-1", prefix: texts[2] ?? "")
        if bucket == nil {
            problems.append(
                "\(path) must have a plain bucket (oidc), region (us-east-1) and prefix (ci, or none), no '/' at their ends"
            )
        }
        return bucket
    }

    /// A path that means the same wherever the command is started.
    private mutating func absolutePath(_ node: Node, _ path: String) -> String? {
        guard let text = node.scalar?.string, text.hasPrefix("/") else {
            problems.append("\(path) must be an absolute path")
            return nil
        }
        return text
    }

    private mutating func url(_ node: Node, _ path: String) -> PlaceURL? {
        let text = node.scalar?.string ?? ""
        do throws(IssuerIdentifierError) {
            return try PlaceURL(ByteString(text))
        } catch {
            // A URL with a password must not be shown.
            problems.append("\(path)\(error == .hasUserinfo ? "" : " " + text) is refused: \(error.explanation)")
            return nil
        }
    }

    private mutating func entries(of node: Node, _ path: String, known: [String]) -> [String: Node]? {
        guard let mapping = node.mapping else {
            problems.append("\(path) must be a mapping")
            return nil
        }
        var entries: [String: Node] = [:]
        for (key, value) in mapping {
            if let name = key.string, known.contains(name) {
                entries[name] = value
            } else {
                problems.append("\(path).\(key.string ?? "?") is not a known key; check its spelling")
            }
        }
        return entries
    }
}
