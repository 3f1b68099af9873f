// GitHub's syntax (GitHub's workflow syntax reference: permissions, jobs.<job_id>.permissions, environment).

import JOSE
import JobFile
import Testing

@Suite struct GitHubJobsTests {
    /// The file's and the job's permissions, and whether the job may request tokens.
    @Test(
        arguments: [
            (#"{"id-token": "write"}"#, nil, true),
            (nil, #"{"id-token": "write"}"#, true),
            (#"{"id-token": "write"}"#, #"{"contents": "read"}"#, false),
            (#"{"id-token": "write"}"#, #"{"id-token": "none"}"#, false),
            (#"{"id-token": "none"}"#, #"{"id-token": "write", "contents": "read"}"#, true),
            (#""write-all""#, nil, true),
            (#""write-all""#, #""read-all""#, false),
            (#""read-all""#, #""write-all""#, true),
            (#""write-all""#, "{}", false),
            (nil, nil, false),
            (#"{"contents": "write"}"#, nil, false),
        ] as [(String?, String?, Bool)]
    )
    func `a jobs own permissions replace the files as a whole`(top: String?, own: String?, allowed: Bool) throws {
        let file =
            #"{"permissions": \#(top ?? "null"), "jobs": {"job": {\#(own.map { "\"permissions\": \($0)" } ?? "")}}}"#
        let job = try definition(file)
        #expect(job.mayRequestTokens == allowed)
        #expect((job.registrationMembers["permissions"] != nil) == allowed)
        #expect(job.registrationMembers["audiences"] == nil)
    }

    @Test func `a permission that is none is a fault`() throws {
        #expect(
            try fault(#"{"jobs": {"job": {"permissions": {"id-token": "true"}}}}"#)
                == Fault(place: "jobs.job.permissions.id-token", fault: .permissionUnknown)
        )
        #expect(
            try fault(#"{"permissions": "all", "jobs": {"job": {}}}"#)
                == Fault(place: "permissions", fault: .mappingExpected)
        )
    }

    @Test func `a job that is not there is refused with those that are`() throws {
        #expect(
            try fault(#"{"jobs": {"a": {}, "b": {}}}"#, "c") == Fault(place: "", fault: .noSuchJob(known: ["a", "b"]))
        )
    }

    /// The job's environment, what the caller stated, and the fact that is registered.
    @Test(
        arguments: [
            (#""production""#, nil, "production"),
            (#"{"name": "production", "url": "https://x.example"}"#, nil, "production"),
            (#""production""#, "production", "production"),
            (#""production""#, "", "production"),
            (#""${{ inputs.target }}""#, "staging", "staging"),
            ("null", "staging", "staging"),
            ("null", nil, nil),
        ] as [(String, String?, String?)]
    )
    func `the environment is what file and caller agree on`(environment: String, stated: String?, fact: String?) throws
    {
        let job = try definition(#"{"jobs": {"job": {"environment": \#(environment)}}}"#)
        #expect(try job.environment(stated: stated.map { ByteString($0) }) == fact.map { ByteString($0) })
    }

    @Test func `two different environments, and one nobody can know, are faults`() throws {
        let production = try definition(#"{"jobs": {"job": {"environment": "production"}}}"#)
        #expect(throws: JobFileError.self) { try production.environment(stated: "staging") }
        let dynamic = try definition(#"{"jobs": {"job": {"environment": "review/$BRANCH"}}}"#)
        #expect(throws: JobFileError.self) { try dynamic.environment(stated: nil) }
    }
}
