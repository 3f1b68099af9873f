// GitLab's syntax (seeds/opt-in-oidc-jwt.txt; GitLab's CI/CD YAML reference: id_tokens, secrets, extends, inherit).

import JOSE
import JobFile
import Testing

@Suite struct GitLabJobsTests {
    @Test func `several tokens keep their names, audiences and order`() throws {
        let job = try definition(
            #"{"job": {"id_tokens": {"CLOUD_PROVIDER_ID_TOKEN": {"aud": ["AWS", "GCK"]}, "VAULT_ID_TOKEN": {"aud": "Vault"}}}}"#
        )
        #expect(
            String(decoding: job.registrationMembers.serialized, as: UTF8.self)
                == #"{"id_tokens":{"CLOUD_PROVIDER_ID_TOKEN":{"aud":["AWS","GCK"]},"VAULT_ID_TOKEN":{"aud":"Vault"}}}"#
        )
        #expect(!job.mayRequestTokens)
    }

    @Test func `a job that says nothing gets nothing`() throws {
        let job = try definition(#"{"job": {"script": ["make"]}, "other": {"id_tokens": {"A": {"aud": "a"}}}}"#)
        #expect(job.registrationMembers.members.isEmpty)
        #expect(job.secrets.isEmpty)
    }

    @Test func `a secret is fetched with the first token, or with the one it names`() throws {
        let job = try definition(
            """
            {"job": {"id_tokens": {"VAULT_JWT_1": {"aud": "Vault"}, "VAULT_JWT_2": {"aud": "Another Vault"}},
             "secrets": {"FIRST": {"vault": "staging/db/password@ops"},
                         "SECOND": {"vault": "staging/db/password@ops", "token": "$VAULT_JWT_2", "file": "false"},
                         "THIRD": {"vault": "staging/db/password@ops", "token": "${VAULT_JWT_2}", "file": "true"}}}}
            """
        )
        #expect(job.secrets.map(\.token) == ["VAULT_JWT_1", "VAULT_JWT_2", "VAULT_JWT_2"])
        #expect(job.secrets.map(\.isFile) == [true, false, true])
        #expect(job.secrets.map(\.secret.readPath) == Array(repeating: "ops/data/staging/db", count: 3))
        #expect(job.secrets.map(\.secret.field) == Array(repeating: "password", count: 3))
    }

    /// `vault:` as it stands, and the path and field that are read.
    @Test(arguments: [
        (#""production/db/password""#, "kv-v2/data/production/db", "password"),
        (#""production/db/password@ops""#, "ops/data/production/db", "password"),
        (#""db/p@path/to/engine""#, "path/to/engine/data/db", "p"),
        (#"{"path": "db", "field": "p"}"#, "kv-v2/data/db", "p"),
        (#"{"engine": {"name": "kv-v2", "path": "ops/"}, "path": "a/b", "field": "p"}"#, "ops/data/a/b", "p"),
        (#"{"engine": {"name": "kv-v1", "path": "old"}, "path": "a", "field": "p"}"#, "old/a", "p"),
        (
            #"{"engine": {"name": "generic", "path": "database"}, "path": "creds/x", "field": "p"}"#,
            "database/creds/x", "p"
        ),
    ])
    func `both forms of vault name one field of one secret`(vault: String, path: String, field: String) throws {
        let job = try definition(
            #"{"job": {"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"vault": \#(vault)}}}}"#
        )
        #expect(job.secrets.first?.secret.readPath == ByteString(path))
        #expect(job.secrets.first?.secret.field == ByteString(field))
    }

    @Test(arguments: [
        #""password""#, #""/password""#, #""db/""#, #""db/p@""#, #""../db/p""#, #""db/../../sys/p@ops""#, #""a//b/p""#,
        #""a/./p""#, #""db/p@../auth""#, #"["a/b"]"#, #""a b/p""#,
    ])
    func `a path that is none, or leaves its place, is refused`(vault: String) throws {
        let file = #"{"job": {"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"vault": \#(vault)}}}}"#
        #expect(try fault(file) == Fault(place: "job.secrets.S.vault", fault: .vaultPathMalformed))
    }

    @Test func `defaults are for jobs that have no tokens of their own`() throws {
        let file = """
            {"default": {"id_tokens": {"D": {"aud": "d"}}, "secrets": {"S": {"vault": "a/b"}}},
             "bare": {}, "own": {"id_tokens": {"O": {"aud": "o"}}}, "none": {"id_tokens": {}},
             "apart": {"inherit": {"default": "false"}}, "partly": {"inherit": {"default": ["image"]}},
             "tokens": {"inherit": {"default": ["id_tokens"]}}}
            """
        let expected: [ByteString: [ByteString]] = [
            "bare": ["D"], "own": ["O"], "none": [], "apart": [], "partly": [], "tokens": ["D"],
        ]
        for (job, names) in expected {
            #expect(try definition(file, job).idTokens.map(\.name) == names)
            #expect(try definition(file, job).secrets.isEmpty)
        }
    }

    @Test func `a job extends others, the last of them and then itself having the last word`() throws {
        let file = """
            {".a": {"id_tokens": {"A": {"aud": "a"}, "X": {"aud": "a"}}}, ".b": {"extends": ".a", "id_tokens": {"X": {"aud": "b"}}},
             ".c": {"id_tokens": {"C": {"aud": ["1", "2"]}}},
             "job": {"extends": [".b", ".c"], "id_tokens": {"C": {"aud": ["3"]}}}}
            """
        let job = try definition(file)
        #expect(job.idTokens.map(\.name) == ["A", "X", "C"])
        #expect(job.idTokens.map(\.audience) == [.string("a"), .string("b"), .array([.string("3")])])
    }

    @Test func `a circle of jobs, and a crowd of them, end with a fault`() throws {
        #expect(try fault(#"{"job": {"extends": ".a"}, ".a": {"extends": "job"}}"#)?.fault == .tooManyParents)
        let levels = (0..<10).map {
            #"".\#($0)": {"extends": [\#(Array(repeating: "\".\($0 + 1)\"", count: 8).joined(separator: ","))]}"#
        }
        let crowd = "{\"job\": {\"extends\": \".0\"}, \(levels.joined(separator: ",")), \".10\": {}}"
        #expect(try fault(crowd)?.fault == .tooManyParents)
    }

    @Test func `only mappings without a leading dot are jobs`() throws {
        let file = #"{"stages": ["a"], "variables": {"A": "b"}, "default": {}, ".x": {}, "job": {}, "workflow": {}}"#
        #expect(try definitions(file).names == ["job"])
        #expect(try fault(file, ".x") == Fault(place: "", fault: .noSuchJob(known: ["job"])))
    }

    /// One fault each, and where it stands.
    @Test(arguments: [
        (#"{"id_tokens": ["A"]}"#, "job.id_tokens", JobFileFault.mappingExpected),
        (#"{"id_tokens": {"A": "a"}}"#, "job.id_tokens.A", .mappingExpected),
        (#"{"id_tokens": {"A": {}}}"#, "job.id_tokens.A", .audienceMissing),
        (#"{"id_tokens": {"A": {"aud": {"!reference": [".x"]}}}}"#, "job.id_tokens.A.aud", .textOrListExpected),
        (#"{"id_tokens": {"A": {"aud": ["a", ["b"]]}}}"#, "job.id_tokens.A.aud[1]", .textOrListExpected),
        (#"{"id_tokens": {"A": {"aud": "$AUDIENCE"}}}"#, "job.id_tokens.A.aud", .variableNotExpanded),
        (#"{"id_tokens": {"A": {"aud": "a", "sub": "b"}}}"#, "job.id_tokens.A.sub", .keyUnknown("sub")),
        (#"{"id_tokens": {"LD_PRELOAD": {"aud": "a"}}}"#, "job.id_tokens.LD_PRELOAD", .variableNameRefused),
        (#"{"id_tokens": {"!reference": {"aud": "a"}}}"#, "job.id_tokens.!reference", .variableNameRefused),
        (#"{"secrets": {"S": {"vault": "a/b"}}}"#, "job.secrets.S", .secretWithoutToken),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"T": {"vault": "a/b"}}}"#, "job.secrets.T",
            .variableNameRefused
        ),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"PATH": {"vault": "a/b"}}}"#, "job.secrets.PATH",
            .variableNameRefused
        ),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"azure_key_vault": {}}}}"#, "job.secrets.S",
            .sourceUnknown
        ),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"vault": "a/b", "token": "$X"}}}"#,
            "job.secrets.S.token",
            .tokenUnknown("$X")
        ),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"vault": "a/b", "token": "T"}}}"#,
            "job.secrets.S.token",
            .tokenUnknown("T")
        ),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"vault": "a/b", "file": "yes"}}}"#,
            "job.secrets.S.file",
            .booleanExpected
        ),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"vault": "$A/b"}}}"#, "job.secrets.S.vault",
            .variableNotExpanded
        ),
        (
            #"{"id_tokens": {"T": {"aud": "a"}}, "secrets": {"S": {"vault": {"engine": {"name": "aws", "path": "a"}, "path": "p", "field": "f"}}}}"#,
            "job.secrets.S.vault.engine", .engineUnknown("aws")
        ),
        (#"{"extends": ".nowhere"}"#, "job.extends", .parentUnknown(".nowhere")),
        (#"{"extends": {"a": "b"}}"#, "job.extends", .textOrListExpected),
        (#"{"environment": ["a"]}"#, "job.environment", .textExpected),
    ])
    func `what cannot be followed is a fault with its place`(job: String, place: String, expected: JobFileFault) throws
    {
        #expect(try fault(#"{"job": \#(job)}"#) == Fault(place: place, fault: expected))
    }
}
