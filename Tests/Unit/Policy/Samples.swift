// The jobs and policies that the tests are about.

import JOSE
import Policy
import Testing

enum Samples {
    /// A job on the main branch of `acme/widgets`, with some facts added, replaced or, where nil, left out.
    static func job(
        _ changes: [FactName: ByteString?] = [:],
        runner: ByteString = "builder",
        isPullRequest: Bool = false,
        isFork: Bool = false,
        serviceConnection: ByteString? = nil
    ) -> JobDescription {
        var facts: [FactName: ByteString] = [
            .repository: "acme/widgets", .repositoryID: "42", .repositoryOwner: "acme", .repositoryOwnerID: "7",
            .ref: "refs/heads/main", .workflow: "deploy", .runID: "1001", .eventName: "push",
        ]
        for (name, value) in changes { facts[name] = value }
        return JobDescription(
            facts: facts,
            runner: runner,
            isPullRequest: isPullRequest,
            isFork: isFork,
            serviceConnection: serviceConnection
        )
    }

    /// A policy written as JSON whose scalars are texts.
    static func document(_ json: String, maximumLifetime: Int64 = 86_400) throws -> PolicyDocument {
        PolicyDocument(parsing: try JSONReader.read(Array(json.utf8)), maximumLifetime: maximumLifetime)
    }

    static func policy(_ json: String) throws -> PolicySet {
        try PolicySet(document(json))
    }

    /// A policy of one rule for the audience `a`.
    static func policy(ruleWith members: String) throws -> PolicySet {
        try policy(#"{"rules": [{"name": "one", "audiences": "a", \#(members)}]}"#)
    }

    /// Everything that is wrong with a policy, each as its path and why.
    static func problems(_ json: String, maximumLifetime: Int64 = 86_400) throws -> [PolicyProblem] {
        let document = try document(json, maximumLifetime: maximumLifetime)
        do throws(PolicyProblems) {
            _ = try PolicySet(document)
            return []
        } catch {
            return error.all
        }
    }
}

/// JSON's text of a string with any characters.
func quoted(_ text: String) -> String {
    ByteString(JSONValue.array([.string(ByteString(text))]).serialized.dropFirst().dropLast()).string
}
