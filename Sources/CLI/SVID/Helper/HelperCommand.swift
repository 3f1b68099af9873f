/// A command of the helper's, in its own environment.
enum HelperCommand {
    static func of(_ arguments: [String], leadsGroup: Bool) -> ChildCommand {
        let environment = JobEnvironment(inherited: JobEnvironment.own)
        return ChildCommand(
            arguments: arguments,
            environment: environment.strings,
            searchPath: environment.searchPath,
            user: nil,
            leadsGroup: leadsGroup
        )
    }

    static func of(_ arguments: [String], as child: ChildProcess) -> ChildCommand {
        of(arguments, leadsGroup: child.leadsGroup)
    }
}
