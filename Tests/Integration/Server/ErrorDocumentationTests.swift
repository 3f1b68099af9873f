import Foundation
import Issuer
import NIOHTTP1
import Testing

@testable import Server

/// docs/errors.md is what callers program against, so it is written from the table itself.
@Suite struct ErrorDocumentationTests {
    private static let page = file("docs/errors.md")
    private static let proxy = file("docker/haproxy.cfg")

    private static func file(_ path: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../../" + path).standardized
    }

    /// To write the page anew: `JOBSWORTH_WRITE_DOCS=1 swift test --filter ErrorDocumentationTests`.
    @Test func `the page of errors is the table that the server answers from`() throws {
        if ProcessInfo.processInfo.environment["JOBSWORTH_WRITE_DOCS"] != nil {
            try Self.expected.write(to: Self.page, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: Self.page, encoding: .utf8)
        #expect(try written == Self.expected)
    }

    @Test func `every sentence can stand in an OAuth error description`() throws {
        // RFC 6749 §5.2: printable ASCII without quote and backslash.
        for row in try Self.rows + Self.rowsOfProxy {
            let isPlain = row.sentence.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
            #expect(isPlain, "\(row.reason)")
            #expect(!row.sentence.isEmpty)
        }
    }

    @Test func `no reason has two meanings`() throws {
        let reasons = try (Self.rows + Self.rowsOfProxy).map(\.reason)
        #expect(Set(reasons).count == reasons.count)
    }

    private struct DocumentedRow {
        let reason: String
        let status: UInt
        let code: String
        let sentence: String
    }

    private static var rows: [DocumentedRow] {
        let refusals = RefusalReason.allCases.map { ($0.rawValue, ErrorResponse.row($0)) }
        let faults = RequestFault.allCases.map { ($0.rawValue, ErrorResponse.row($0)) }
        return (refusals + faults).map { reason, row in
            DocumentedRow(reason: reason, status: row.status.code, code: row.code, sentence: row.sentence)
        }
    }

    /// What the load balancer of docker/ says in the issuer's place.
    private static var rowsOfProxy: [DocumentedRow] {
        get throws {
            let line = /http-error status (\d+) .* string '(.+?)'/
            return try String(contentsOf: proxy, encoding: .utf8).matches(of: line).map { match in
                let answer = try JSONDecoder().decode([String: String].self, from: Data(match.output.2.utf8))
                return DocumentedRow(
                    reason: try #require(answer["reason"]),
                    status: try #require(UInt(match.output.1)),
                    code: try #require(answer["error"]),
                    sentence: try #require(answer["error_description"])
                )
            }
        }
    }

    private static var expected: String {
        get throws {
            let titles = """
                | reason | status | error | what to do |
                |---|---|---|---|

                """
            let rowsOfProxy = try rowsOfProxy
            #expect(rowsOfProxy.count == 3)
            return head + titles + rows.map(line).joined() + headOfProxy + titles + rowsOfProxy.map(line).joined()
        }
    }

    private static func line(_ row: DocumentedRow) -> String {
        "| `\(row.reason)` | \(row.status) | `\(row.code)` | \(row.sentence) |\n"
    }

    private static let head = """
        # Errors

        Every refusal is a JSON object with `error` (OAuth's code), `reason` (stable: program against this one),
        `error_description` and `message` (the same sentence, for people). There is never a member called `value`.

        At `POST /token` every refusal is a 400, as RFC 8693 §2.2.2 has it; a dead or unknown `subject_token` is
        `credential_invalid` there. Answers of status 429 and 503 carry `Retry-After`: the same request may succeed then.


        """

    private static let headOfProxy = """

        ## From the load balancer

        Before replicas, `docker/haproxy.cfg` says these in the same form, with `Retry-After`:


        """
}
