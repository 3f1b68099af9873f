import ArgumentParser

/// What `jobsworth help` shows: every command there is, with its one-line description.
enum CommandTree {
    static func text(of root: any ParsableCommand.Type) -> String {
        let lines = lines(below: root, path: root.name)
        let width = lines.map(\.path.count).max() ?? 0
        let table = lines.map {
            "  \($0.path)\(String(repeating: " ", count: width - $0.path.count + 2))\($0.abstract)"
        }
        return """
            \(root.configuration.abstract)

            \(table.joined(separator: "\n"))

            Every command has --help. Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 78 wrong configuration.
            """
    }

    private static func lines(
        below command: any ParsableCommand.Type,
        path: String
    ) -> [(path: String, abstract: String)] {
        command.configuration.subcommands.flatMap { subcommand in
            let below = path + " " + subcommand.name
            return subcommand.configuration.subcommands.isEmpty
                ? [(below, subcommand.configuration.abstract)]
                : lines(below: subcommand, path: below)
        }
    }
}

extension ParsableCommand {
    fileprivate static var name: String {
        configuration.commandName ?? String(describing: Self.self).lowercased()
    }
}
