import Foundation
import Issuer
import NIOHTTP1
import Testing

@testable import Server

/// docs/errors.md is what callers program against, so it is written from the table itself.
@Suite struct ErrorDocumentationTests {
    private static var page: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../../docs/errors.md")
            .standardized
    }

    /// To write the page anew: `JOBSWORTH_WRITE_DOCS=1 swift test --filter ErrorDocumentationTests`.
    @Test func `the page of errors is the table that the server answers from`() throws {
        if ProcessInfo.processInfo.environment["JOBSWORTH_WRITE_DOCS"] != nil {
            try Self.expected.write(to: Self.page, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: Self.page, encoding: .utf8)
        #expect(written == Self.expected)
    }

    @Test func `every sentence can stand in an OAuth error description`() {
        // RFC 6749 §5.2: printable ASCII without quote and backslash.
        for row in Self.rows {
            let isPlain = row.sentence.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
            #expect(isPlain, "\(row.reason)")
            #expect(!row.sentence.isEmpty)
        }
    }

    @Test func `no reason has two meanings`() {
        let reasons = Self.rows.map(\.reason)
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

    private static var expected: String {
        let head = """
            # Errors

            Every refusal is a JSON object with `error` (OAuth's code), `reason` (stable: program against this one),
            `error_description` and `message` (the same sentence, for people). There is never a member called `value`.

            At `POST /token` every refusal is a 400, as RFC 8693 §2.2.2 has it; a dead or unknown `subject_token` is
            `credential_invalid` there. Answers of status 429 and 503 carry `Retry-After`: the same request may succeed then.

            | reason | status | error | what to do |
            |---|---|---|---|

            """
        return head + rows.map { "| `\($0.reason)` | \($0.status) | `\($0.code)` | \($0.sentence) |\n" }.joined()
    }
}
