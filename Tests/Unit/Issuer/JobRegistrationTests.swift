// The body of POST /v1/jobs (CONTRACT "Runner plane"; threats A06, A12, A14, A16, C01–C03).

import Issuer
import JOSE
import Testing

@Suite struct JobRegistrationTests {
    @Test func `the least registration gets no token at all and an hour`() throws {
        let registration = try JobRegistration(parsing: JSONObject("job", .object(Samples.job())))
        #expect(!registration.mayRequestTokens)
        #expect(registration.audiences == nil)
        #expect(registration.namedTokens.isEmpty)
        #expect(registration.reference == nil)
        #expect(registration.requestedLifetime == nil)
        #expect(registration.lease == nil)
    }

    @Test(arguments: [
        "claims", "audience", "Job", "job ", "id_token", "ttl", "lifetime", "runner", "expires_at", "heartbeat", "",
    ])
    func `an unknown member is refused by its name`(name: String) {
        #expect(throws: Refusal(.unknownMember, ByteString(name))) {
            try Samples.registration([(ByteString(name), "x")])
        }
    }

    @Test func `the job is required`() {
        #expect(throws: Refusal(.memberMissing, "job")) { try Samples.registration([("job", nil)]) }
    }

    @Test(
        arguments: [
            ("job", "x"), ("job", .null), ("job", .array([])), ("permissions", "write"),
            ("permissions", .array(["id-token"])),
            ("permissions", .null), ("audiences", "a"), ("audiences", .object(JSONObject())), ("audiences", .null),
            ("audiences", .array([.integer(1)])), ("audiences", .array([.array(["a"])])), ("reference", .integer(1)),
            ("reference", .null), ("id_tokens", .array([])), ("id_tokens", "A"), ("id_tokens", .null),
            ("expires_in", "3600"),
            ("expires_in", .null), ("expires_in", .bool(true)), ("expires_in", .number("1e3")),
            ("expires_in", .number("3600.0")), ("expires_in", .number("-0")),
            ("expires_in", .number("9223372036854775808")),
            ("lease", "60"), ("lease", .number("0.5")), ("lease", .array([.integer(60)])),
        ] as [(ByteString, JSONValue)]
    )
    func `a member of the wrong type is refused by its name`(name: ByteString, value: JSONValue) {
        #expect(throws: Refusal(.wrongType, name)) { try Samples.registration([(name, value)]) }
    }

    @Test(
        arguments: ["expires_in", "lease"] as [ByteString],
        [
            (1, true), (2, true), (86_399, true), (86_400, true),
            (0, false), (-1, false), (86_401, false), (.max, false), (.min, false), (1_000_000_000, false),
        ] as [(Int64, Bool)]
    )
    func `times are 1 to 86400 seconds`(name: ByteString, row: (seconds: Int64, fits: Bool)) throws {
        let change = (name, JSONValue?.some(.integer(row.seconds)))
        if row.fits {
            let registration = try Samples.registration([change])
            #expect((name == "lease" ? registration.lease : registration.requestedLifetime) == row.seconds)
        } else {
            #expect(throws: Refusal(.outOfRange, name)) { try Samples.registration([change]) }
        }
    }

    // MARK: Permissions

    @Test func `only id-token write opts in`() throws {
        func permitted(_ permissions: JSONObject?) throws -> Bool {
            try Samples.registration([("permissions", permissions.map { .object($0) })]).mayRequestTokens
        }
        #expect(try permitted(JSONObject("id-token", "write")))
        #expect(try !permitted(JSONObject("id-token", "none")))
        #expect(try !permitted(JSONObject()))
        #expect(try !permitted(nil))
        for text in ["read", "Write", "write ", "", "true"] {
            #expect(throws: Refusal(.outOfRange, "permissions.id-token")) {
                try permitted(JSONObject("id-token", .string(ByteString(text))))
            }
        }
        for value in [JSONValue.bool(true), .null, .integer(1), .array(["write"])] {
            #expect(throws: Refusal(.wrongType, "permissions.id-token")) {
                try permitted(JSONObject("id-token", value))
            }
        }
        #expect(throws: Refusal(.unknownMember, "permissions.contents")) {
            try permitted(JSONObject("contents", "read"))
        }
    }

    // MARK: Audiences and reference

    @Test func `audiences are kept in order, at most 64`() throws {
        let many = (0..<64).map { JSONValue.string(ByteString("a\($0)")) }
        #expect(try Samples.registration([("audiences", .array(many))]).audiences?.count == 64)
        #expect(throws: Refusal(.tooMany, "audiences")) {
            try Samples.registration([("audiences", .array(many + ["b"]))])
        }
        // None is not the same as not given.
        #expect(try Samples.registration([("audiences", .array([]))]).audiences == [])
        for bad in ["", "a b", "\u{E9}", "a\n", String(repeating: "a", count: 256)] {
            #expect(throws: Refusal.self) {
                try Samples.registration([("audiences", .array(["good", .string(ByteString(bad))]))])
            }
        }
    }

    @Test(arguments: [
        ("buildbot.example/builds/4711", true), ("a", true), ("a b", true), ("\u{E9}", true),
        (String(repeating: "a", count: 255), true),
        ("", false), (String(repeating: "a", count: 256), false), ("a\nb", false), ("a\0", false), ("\u{7F}", false),
    ])
    func `a reference is 1 to 255 bytes without control bytes`(text: String, fits: Bool) throws {
        let change = ("reference" as ByteString, JSONValue?.some(.string(ByteString(text))))
        if fits {
            #expect(try Samples.registration([change]).reference == ByteString(text))
        } else {
            #expect(throws: Refusal(.outOfRange, "reference")) { try Samples.registration([change]) }
        }
    }

    // MARK: What makes a registration the same

    @Test func `the order of members makes no other registration`() throws {
        let one = try Samples.registration([("expires_in", .integer(60)), ("reference", "r")])
        var members = Samples.body([("expires_in", .integer(60)), ("reference", "r")]).members
        members.reverse()
        let job = JSONObject(Samples.least.reversed())
        var object = JSONObject(members.map { ($0.name, $0.value) })
        object["job"] = .object(job)
        #expect(try JobRegistration(parsing: object).digest == one.digest)
    }

    @Test func `one change makes another registration`() throws {
        let bodies: [JSONObject] = [
            Samples.body(), Samples.body([("expires_in", .integer(60))]), Samples.body([("lease", .integer(60))]),
            Samples.body([("permissions", nil)]), Samples.body([("audiences", .array([]))]),
            Samples.body([("audiences", .array(["a", "b"]))]), Samples.body([("audiences", .array(["b", "a"]))]),
            Samples.body([("reference", "r")]), Samples.body(facts: [("sha", "0f")]),
            Samples.body(facts: [("sha", "0e")]), Samples.body(facts: [("ref", "refs/heads/mai")]),
            Samples.body(facts: [("actor", "\u{E9}")]), Samples.body(facts: [("actor", "e\u{301}")]),
        ]
        let digests = try bodies.map { try JobRegistration(parsing: $0).digest }
        #expect(Set(digests).count == bodies.count)
        #expect(digests.allSatisfy { $0.count == 32 })
    }

    @Test func `what is stored is read again as the same registration`() throws {
        let registration = try Samples.registration(
            [
                ("audiences", .array(["a", "b"])), ("reference", "r"), ("lease", .integer(5)),
                ("id_tokens", .object(JSONObject("A", .object(JSONObject("aud", .array(["x", "y"])))))),
            ],
            facts: [("actor", "\u{1F600}\u{E9}\\")]
        )
        let read = try JobRegistration(parsing: JSONBody.object(registration.document))
        #expect(read == registration)
        #expect(read.digest == registration.digest)
    }

    // MARK: Bytes

    @Test(
        arguments: [
            ("", .malformedJSON), ("{", .malformedJSON), ("{\"job\":{},}", .malformedJSON),
            ("{'job':{}}", .malformedJSON),
            ("\u{FEFF}{}", .malformedJSON), ("{} {}", .malformedJSON), ("{\"a\":NaN}", .malformedJSON),
            ("{\"a\":01}", .malformedJSON),
            ("{/**/}", .malformedJSON), ("[]", .wrongType), ("null", .wrongType), ("\"job\"", .wrongType),
            ("5", .wrongType),
            ("{\"a\":" + String(repeating: "[", count: 9) + String(repeating: "]", count: 9) + "}", .tooMany),
            ("{\"a\":\"" + String(repeating: "a", count: 65_536) + "\"}", .tooMany),
            ("{" + (0..<65).map { "\"a\($0)\":0" }.joined(separator: ",") + "}", .tooMany),
            ("{\"a\":[" + (0..<257).map { _ in "0" }.joined(separator: ",") + "]}", .tooMany),
        ] as [(String, RefusalReason)]
    )
    func `a body is one strict JSON object`(text: String, reason: RefusalReason) {
        #expect(throws: Refusal(reason)) { try JSONBody.object(Array(text.utf8)) }
    }

    @Test(arguments: [
        #"{"job":1,"job":2}"#, #"{"job":1,"\u006aob":2}"#, #"{"a":{"job":1,"job":1}}"#,
    ])
    func `no member comes twice, however it is spelled`(text: String) {
        #expect(throws: Refusal(.duplicateMember, "job")) { try JSONBody.object(Array(text.utf8)) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        #expect(throws: Refusal(.malformedJSON)) {
            try JSONBody.object(Array("{\"a\":\"".utf8) + [0xFF] + Array("\"}".utf8))
        }
        #expect(throws: Refusal(.malformedJSON)) { try JSONBody.object(Array(#"{"a":"\ud800"}"#.utf8)) }
    }
}
