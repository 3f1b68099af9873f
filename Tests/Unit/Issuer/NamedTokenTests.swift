// Tokens made at registration (CONTRACT `id_tokens`).

import Issuer
import JOSE
import Testing

@Suite struct NamedTokenTests {
    private func tokens(_ entries: [(ByteString, JSONValue)]) throws -> [NamedToken] {
        try Samples.registration([("id_tokens", .object(JSONObject(entries)))]).namedTokens
    }

    private func entry(_ audience: JSONValue? = "a", _ more: [(ByteString, JSONValue)] = []) -> JSONValue {
        var object = JSONObject(more)
        object["aud"] = audience
        return .object(object)
    }

    @Test func `names, audiences and lifetimes are kept in order`() throws {
        let all = try tokens([
            ("B", entry("x", [("expires_in", .integer(900))])), ("A", entry(.array(["y", "z"]))),
        ])
        #expect(all.map(\.name) == ["B", "A"])
        #expect(all.map { $0.audiences.all.map(\.value) } == [["x"], ["y", "z"]])
        #expect(all.map(\.lifetime) == [900, nil])
        #expect(try tokens([]).isEmpty)
    }

    @Test(arguments: [
        "A", "_", "a", "AWS_ID_TOKEN", "Vault2", "_0", "actions_x", "Path", "home", "PATHS", "HOMER", "XACTIONS_A",
        "ACTIONS", "SYSTEM", "JOBSWORTH", "LD", "LDX", String(repeating: "A", count: 64),
    ])
    func `a name of an environment variable is accepted`(name: String) throws {
        #expect(try tokens([(ByteString(name), entry())]).count == 1)
    }

    @Test(arguments: [
        // The form `[A-Za-z_][A-Za-z0-9_]{0,63}`.
        "", "0A", "A-B", "A.B", "A B", "A=B", "A\n", "\u{C9}", "A\u{301}", "A\0", String(repeating: "A", count: 65),
        "\u{212A}EY",
        // What runners and loaders read.
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_", "SYSTEM_OIDCREQUESTURI", "SYSTEM_", "JOBSWORTH_ISSUER",
        "JOBSWORTH_", "LD_PRELOAD", "LD_", "PATH", "HOME",
    ])
    func `another name is refused, named`(name: String) {
        #expect(throws: Refusal(.tokenNameInvalid, "id_tokens." + ByteString(name))) {
            try tokens([("GOOD", entry()), (ByteString(name), entry())])
        }
    }

    @Test func `there are at most 16`() throws {
        let many = (0..<17).map { (ByteString("T\($0)"), entry()) }
        #expect(try tokens(Array(many.prefix(16))).count == 16)
        #expect(throws: Refusal(.tooMany, "id_tokens")) { try tokens(many) }
    }

    @Test func `an entry that is wrong refuses the registration, named`() {
        let wrong: [(JSONValue, Refusal)] = [
            ("a", Refusal(.wrongType, "id_tokens.T")), (.array(["a"]), Refusal(.wrongType, "id_tokens.T")),
            (.null, Refusal(.wrongType, "id_tokens.T")),
            (entry(nil), Refusal(.audienceMissing, "id_tokens.T.aud")),
            (entry(.array([])), Refusal(.audienceMissing, "id_tokens.T.aud")),
            (entry(""), Refusal(.audienceInvalid, "id_tokens.T.aud")),
            (entry(.array(["a", ""])), Refusal(.audienceInvalid, "id_tokens.T.aud")),
            (entry(.array(["a", "a"])), Refusal(.audienceInvalid, "id_tokens.T.aud")),
            (entry(.array(["a", "b", "c", "d", "e"])), Refusal(.tooMany, "id_tokens.T.aud")),
            (entry(.integer(1)), Refusal(.wrongType, "id_tokens.T.aud")),
            (entry(.null), Refusal(.wrongType, "id_tokens.T.aud")),
            (entry(.array([.integer(1)])), Refusal(.wrongType, "id_tokens.T.aud")),
            (entry("a", [("sub", "x")]), Refusal(.unknownMember, "id_tokens.T.sub")),
            (entry("a", [("expires_in", .integer(0))]), Refusal(.outOfRange, "id_tokens.T.expires_in")),
            (entry("a", [("expires_in", .integer(86_401))]), Refusal(.outOfRange, "id_tokens.T.expires_in")),
            (entry("a", [("expires_in", "5m")]), Refusal(.wrongType, "id_tokens.T.expires_in")),
        ]
        for (value, refusal) in wrong {
            #expect(throws: refusal) { try tokens([("GOOD", entry()), ("T", value)]) }
        }
    }
}
