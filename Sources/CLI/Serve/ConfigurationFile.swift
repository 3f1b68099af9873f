import Foundation
import Yams

/// The YAML file, flattened to the scalars of the known keys; every key that is not known is a problem.
struct ConfigurationFile {
    private(set) var scalars: [ConfigurationKey: String] = [:]
    /// `tokens.audiences`: what each audience is given, by its settings' names.
    private(set) var audiences: [String: [String: String]] = [:]
    /// `publication.places`: where the public documents are written.
    private(set) var publication = PublicationPlaces()
    private(set) var problems: [String] = []

    init() {}

    init(path: String) {
        guard let data = FileManager.default.contents(atPath: path), let text = String(data: data, encoding: .utf8)
        else {
            problems = ["\(path) cannot be read; check --config"]
            return
        }
        do {
            guard let root = try Yams.compose(yaml: text) else { return }
            read(root, path: "")
        } catch {
            problems = ["\(path) is not valid YAML"]
        }
    }

    private mutating func read(_ node: Node, path: String) {
        if path == ConfigurationKey.audiences { return readAudiences(node) }
        if path == ConfigurationKey.publicationPlaces { return readPlaces(node) }
        if let key = ConfigurationKey(rawValue: path) {
            guard let scalar = node.scalar else { return problems.append("\(path) must be a single value") }
            scalars[key] = scalar.string
            return
        }
        guard let mapping = node.mapping, Self.isSection(path) else {
            return problems.append(
                path.isEmpty ? "the file must be a mapping" : "\(path) is not a known key; check its spelling"
            )
        }
        for (name, value) in mapping {
            read(value, path: path.isEmpty ? name.string ?? "?" : "\(path).\(name.string ?? "?")")
        }
    }

    private mutating func readAudiences(_ node: Node) {
        guard let mapping = node.mapping else {
            return problems.append("\(ConfigurationKey.audiences) must be a mapping")
        }
        for (name, settings) in mapping {
            let path = "\(ConfigurationKey.audiences).\(name.string ?? "?")"
            guard let audience = name.string, let entries = settings.mapping else {
                problems.append("\(path) must be a mapping")
                continue
            }
            for (setting, value) in entries {
                guard let setting = setting.string, ["algorithm", "lifetime", "profile"].contains(setting),
                    let text = value.scalar?.string
                else {
                    problems.append("\(path).\(setting.string ?? "?") is not a known key; check its spelling")
                    continue
                }
                audiences[audience, default: [:]][setting] = text
            }
        }
    }

    private mutating func readPlaces(_ node: Node) {
        publication = PublicationPlaces(node, path: ConfigurationKey.publicationPlaces)
        problems += publication.problems
    }

    private static func isSection(_ path: String) -> Bool {
        let paths = ConfigurationKey.allCases.map(\.rawValue) + [ConfigurationKey.publicationPlaces]
        return path.isEmpty || paths.contains { $0.hasPrefix(path + ".") }
    }
}
