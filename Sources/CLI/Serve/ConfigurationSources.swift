import Configuration
import Foundation

/// Options, then environment, then file: the first that has a key decides.
struct ConfigurationSources {
    let file: ConfigurationFile
    private let reader: ConfigReader

    init(options: [ConfigurationKey: String?], configurationFile: String?) {
        let environment = ProcessInfo.processInfo.environment
        let path = configurationFile ?? environment["JOBSWORTH_CONFIG"]
        file = path.map(ConfigurationFile.init(path:)) ?? ConfigurationFile()
        let aliases = ConfigurationKey.allCases.map { ($0, $0.optionVariable.flatMap { environment[$0] }) }
        reader = ConfigReader(providers: [
            Self.provider("options", options.compactMapValues(\.self)),
            Self.provider("environment", Dictionary(aliases) { first, _ in first }.compactMapValues(\.self)),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "jobsworth"),
            Self.provider("file", file.scalars),
        ])
    }

    subscript(_ key: ConfigurationKey) -> String? {
        reader.string(forKey: ConfigKey(key.rawValue))
    }

    private static func provider(_ name: String, _ values: [ConfigurationKey: String]) -> InMemoryProvider {
        let pairs = values.map { key, value in
            let path = key.rawValue.split(separator: ".").map(String.init)
            return (AbsoluteConfigKey(path, context: [:]), ConfigValue(.string(value), isSecret: false))
        }
        return InMemoryProvider(name: name, values: Dictionary(uniqueKeysWithValues: pairs))
    }
}
