import Agent
import Attestation
import GRPCCore
import JOSE
import SPIFFE
import SwiftProtobuf
import Testing
import WorkloadAPI

/// Who is refused, and with which words: clients act on the codes.
@Suite(.timeLimit(.minutes(1)))
struct ErrorTableTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let code: RPCError.Code
        let message: String
        let call: @Sendable (RawCall.Client) async throws -> Void

        var testDescription: String { name }

        init(
            _ name: String,
            _ code: RPCError.Code,
            _ message: String,
            _ call: @escaping @Sendable (RawCall.Client) async throws -> Void
        ) {
            self.name = name
            self.code = code
            self.message = message
            self.call = call
        }
    }

    static let header = "security header missing from request"
    static let rows: [Row] = [
        // Workload Endpoint §6: the header is `true`, once, whatever is called.
        Row("no header, stream", .invalidArgument, header) { try await x509(of: $0, [:]) },
        Row("no header, unary", .invalidArgument, header) { try await jwt(of: $0, ["a"], [:]) },
        Row("header in capitals", .invalidArgument, header) { try await x509(of: $0, ["workload.spiffe.io": "True"]) },
        Row("header twice", .invalidArgument, header) {
            try await x509(of: $0, ["workload.spiffe.io": "true", "workload.spiffe.io": "true"])
        },
        Row("no header, bundles", .invalidArgument, header) {
            try await $0.fetchJWTBundles(JWTBundlesRequest(), metadata: [:]) { try await drain($0) }
        },
        Row("no header, WIT", .invalidArgument, header) {
            try await $0.fetchWITSVID(WITSVIDRequest(), metadata: [:]) { try await drain($0) }
        },
        // Workload API §4.5.
        Row("no audience", .invalidArgument, "audience must be specified") {
            try await jwt(of: $0, [], RawCall.secured("good"))
        },
        Row("empty audience", .invalidArgument, "audience must be specified") {
            try await jwt(of: $0, ["a", ""], RawCall.secured("good"))
        },
        Row("validate without svid", .invalidArgument, "svid must be specified") {
            _ = try await $0.validateJWTSVID(.with { $0.audience = "a" }, metadata: RawCall.secured)
        },
        Row("validate without audience", .invalidArgument, "audience must be specified") {
            _ = try await $0.validateJWTSVID(.with { $0.svid = "valid" }, metadata: RawCall.secured)
        },
        Row("validate what is not valid", .invalidArgument, "token has expired") {
            _ = try await $0.validateJWTSVID(
                .with {
                    $0.svid = "old"
                    $0.audience = "a"
                },
                metadata: RawCall.secured
            )
        },
        Row(
            "an ID that is none",
            .invalidArgument,
            "invalid requested SPIFFE ID: it does not begin with spiffe://"
        ) {
            try await jwt(of: $0, ["a"], RawCall.secured("good"), id: "https://example.org/x")
        },
        // No identity, whatever the reason.
        Row("another's ID", .permissionDenied, "no identity issued") {
            try await jwt(of: $0, ["a"], RawCall.secured("good"), id: "spiffe://other.example/x")
        },
        Row("no evidence, X.509", .permissionDenied, "no identity issued") { try await x509(of: $0, RawCall.secured) },
        Row("no evidence, JWT", .permissionDenied, "no identity issued") {
            try await jwt(of: $0, ["a"], RawCall.secured)
        },
        Row("forged evidence", .permissionDenied, "no identity issued") {
            try await x509(of: $0, RawCall.secured("forged"))
        },
        Row("evidence of a stranger", .permissionDenied, "no identity issued") {
            try await x509(of: $0, RawCall.secured("stranger"))
        },
        Row("empty evidence", .permissionDenied, "no identity issued") { try await x509(of: $0, RawCall.secured("")) },
        Row("two tokens, one of them good", .permissionDenied, "no identity issued") {
            try await x509(of: $0, RawCall.secured("good", "forged"))
        },
        Row("bundles with forged evidence", .permissionDenied, "no identity issued") {
            try await $0.fetchX509Bundles(X509BundlesRequest(), metadata: RawCall.secured("forged")) {
                try await drain($0)
            }
        },
        Row("validation with forged evidence", .permissionDenied, "no identity issued") {
            _ = try await $0.validateJWTSVID(
                .with {
                    $0.svid = "valid"
                    $0.audience = "a"
                },
                metadata: RawCall.secured("forged")
            )
        },
        // It may be better in a while: clients come again.
        Row("the issuer's keys are away", .unavailable, "workload attestation failed") {
            try await x509(of: $0, RawCall.secured("away"))
        },
        Row("WIT-SVIDs", .unimplemented, "fetching WIT-SVIDs is not implemented") {
            try await $0.fetchWITSVID(WITSVIDRequest(), metadata: RawCall.secured) { try await drain($0) }
        },
        Row("WIT bundles", .unimplemented, "fetching WIT bundles is not implemented") {
            try await $0.fetchWITBundles(WITBundlesRequest(), metadata: RawCall.secured) { try await drain($0) }
        },
    ]

    @Test(arguments: rows)
    func `each refusal has its code and its words`(_ row: Row) async throws {
        try await RunningService.workloadAPI(CannedAuthority()) { service in
            let status = try await RawCall.status(service.path, row.call)
            #expect(status?.code == row.code)
            #expect(status?.message == row.message)
        }
    }

    @Test(arguments: [SVIDRefusal.noIdentity(about: "claim"), .evidenceReplayed, .evidenceExpired, .unavailable])
    func `what the authority refuses is told in two ways: come again, or no identity`(
        _ refusal: SVIDRefusal
    ) async throws {
        let authority = try CannedAuthority()
        authority.refuse(refusal)
        try await RunningService.workloadAPI(authority) { service in
            let x509 = try await RawCall.status(service.path) { try await Self.x509(of: $0, RawCall.secured("good")) }
            let jwt = try await RawCall.status(service.path) {
                try await Self.jwt(of: $0, ["a"], RawCall.secured("good"))
            }
            let code: RPCError.Code = refusal == .unavailable ? .unavailable : .permissionDenied
            #expect(x509?.code == code)
            #expect(jwt?.code == code)
        }
    }

    @Test
    func `bundles and validation ask for evidence where the operator says so`() async throws {
        try await RunningService.workloadAPI(CannedAuthority(), bundlesNeedEvidence: true) { service in
            for metadata in [RawCall.secured, RawCall.secured("good")] {
                let expected: RPCError.Code? = metadata == RawCall.secured ? .permissionDenied : nil
                let bundles = try await RawCall.status(service.path) {
                    try await $0.fetchJWTBundles(JWTBundlesRequest(), metadata: metadata) { try await Self.first($0) }
                }
                let validation = try await RawCall.status(service.path) {
                    let request = ValidateJWTSVIDRequest.with {
                        $0.svid = "valid"
                        $0.audience = "a"
                    }
                    _ = try await $0.validateJWTSVID(request, metadata: metadata)
                }
                #expect(bundles?.code == expected)
                #expect(validation?.code == expected)
            }
        }
    }

    private static func x509(of client: RawCall.Client, _ metadata: Metadata) async throws {
        try await client.fetchX509SVID(X509SVIDRequest(), metadata: metadata) { try await first($0) }
    }

    private static func jwt(
        of client: RawCall.Client,
        _ audiences: [String],
        _ metadata: Metadata,
        id: String = ""
    ) async throws {
        let request = JWTSVIDRequest.with {
            $0.audience = audiences
            $0.spiffeID = id
        }
        _ = try await client.fetchJWTSVID(request, metadata: metadata)
    }

    private static func first<Message: Sendable>(_ response: StreamingClientResponse<Message>) async throws {
        for try await _ in response.messages { return }
    }

    private static func drain<Message: Sendable>(_ response: StreamingClientResponse<Message>) async throws {
        for try await _ in response.messages {}
    }
}
