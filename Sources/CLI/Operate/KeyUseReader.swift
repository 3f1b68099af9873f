import Issuer
import JOSE

/// Reads, page by page, the audit records of tokens and SVIDs that keys signed.
struct KeyUseReader {
    let connection: OperatorConnection

    func forEach(signedBy kids: [ByteString], _ body: (JSONObject) -> Void) async throws {
        for kid in kids {
            var after: Int64? = 0
            while let sequence = after {
                let page = try await connection.perform(.keys(.tokens(kid: kid, after: sequence)))
                try tokens(page).forEach(body)
                after = if case .integer(let next)? = page["through"] { next } else { nil }
            }
        }
    }

    private func tokens(_ page: JSONObject) throws -> [JSONObject] {
        guard case .array(let records)? = page["records"] else { return [] }
        return try records.map { record in
            guard case .string(let text) = record,
                case .object(let record)? = try? JSONReader.read(text.bytes, limits: HTTPFetcher.limits)
            else { throw CommandFailure.failed("the audit log cannot be read") }
            let shown: Set<ByteString> = [
                "jti", "job", "audience", "exp", "kid", "runner", "repository", "subject", "svid", "serial", "evidence",
            ]
            return JSONObject(record.members.filter { shown.contains($0.name) }.map { ($0.name, $0.value) })
        }
    }
}
