package import JOSE

/// A policy as it was written, read part by part; what is wrong is collected, so that all of it can be said at once.
package struct PolicyDocument: Hashable, Sendable {
    package private(set) var rules: [Rule] = []
    package private(set) var profiles: [ByteString: AudienceProfile] = [:]
    package private(set) var environments: [ByteString: EnvironmentRule] = [:]
    package private(set) var problems: [PolicyProblem] = []

    /// Reads a tree of objects and arrays whose scalars are strings, as YAML's texts are.
    ///
    /// `maximumLifetime` is the longest lifetime in seconds that the issuer gives to any token.
    package init(parsing value: JSONValue, maximumLifetime: Int64 = 86_400) {
        var reader = PolicyReader(value, maximumLifetime: maximumLifetime)
        let top = reader.object("", ["rules", "audiences", "environments"])
        rules = reader.rules(top)
        profiles = reader.profiles(top)
        environments = reader.environments(top)
        problems = reader.problems
    }
}
