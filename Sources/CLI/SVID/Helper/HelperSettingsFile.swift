import JOSE

/// A helper's configuration file, checked, or all that is wrong with it.
enum HelperSettingsFile {
    static func read(_ path: String) throws -> HelperSettings {
        let deadline = ReadingDeadline(path)
        let document = try YAMLDocument(path: path)
        deadline.lift()
        let reader = HelperSettingsReader(document.value)
        guard reader.problems.isEmpty else {
            let lines = reader.problems.map { problem in
                let key = problem.key.isEmpty ? "" : " \(problem.key)"
                return "\(path):\(document.line(of: problem.key)):\(key) \(problem.explanation)"
            }
            throw CommandFailure.wrongConfiguration(lines.joined(separator: "\njobsworth: "))
        }
        return reader.settings
    }
}
