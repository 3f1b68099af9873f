private import Crypto
private import Foundation
private import JOSE
package import Keys

/// AWS Signature Version 4 of a request to S3, whole in one header: a function of the request, the credentials and
/// the time.
///
/// Every header given is signed, so none can be taken away, added to those or changed under way.
package struct AWSSignatureV4: Sendable {
    /// What is signed.
    package struct Request: Sendable {
        let method: String
        /// Below the authority, every byte but unreserved ones and `/` percent-encoded, once (S3 differs from the other
        /// services here).
        let path: String
        let query: [(name: String, value: String)]
        let headers: [(name: String, value: String)]
        /// ``AWSSignatureV4/hash(of:)`` of the body, also sent as `x-amz-content-sha256`.
        let bodyHash: String

        package init(
            method: String,
            path: String,
            query: [(name: String, value: String)] = [],
            headers: [(name: String, value: String)],
            bodyHash: String
        ) {
            self.method = method
            self.path = path
            self.query = query
            self.headers = headers
            self.bodyHash = bodyHash
        }
    }

    private static let algorithm = "AWS4-HMAC-SHA256"
    private let credentials: AWSCredentials
    private let region: String

    package init(credentials: AWSCredentials, region: String) {
        self.credentials = credentials
        self.region = region
    }

    /// The value of `Authorization`.
    package func authorization(_ request: Request, at now: NumericDate) -> String {
        let scope = "\(Self.timestamp(now).prefix(8))/\(region)/s3/aws4_request"
        let canonical = CanonicalRequest(request)
        let toSign = [Self.algorithm, Self.timestamp(now), scope, Self.hash(of: Array(canonical.text.utf8))]
        let signature = Self.hexadecimal(mac(toSign.joined(separator: "\n"), key(scope)))
        let credential = "Credential=\(credentials.accessKeyID.text)/\(scope)"
        return "\(Self.algorithm) \(credential),SignedHeaders=\(canonical.signedHeaders),Signature=\(signature)"
    }

    /// `20130524T000000Z`, also sent as `x-amz-date`.
    package static func timestamp(_ now: NumericDate) -> String {
        now.internetDate.string.filter { $0 != "-" && $0 != ":" }
    }

    /// SHA-256 in hexadecimal.
    package static func hash(of bytes: [UInt8]) -> String {
        hexadecimal(SHA256.hash(data: bytes))
    }

    /// The key of the day, region and service: the scope's parts, each authenticated under the one before.
    private func key(_ scope: String) -> SymmetricKey {
        scope.split(separator: "/").reduce(SymmetricKey(data: Array(("AWS4" + credentials.secretAccessKey.text).utf8)))
        {
            SymmetricKey(data: mac(String($1), $0))
        }
    }

    private func mac(_ text: String, _ key: SymmetricKey) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }
}

/// The one spelling of a request that both sides hash.
private struct CanonicalRequest {
    let text: String
    let signedHeaders: String

    init(_ request: AWSSignatureV4.Request) {
        let headers = request.headers.map { (name: $0.name.lowercased(), value: Self.folded($0.value)) }
            .sorted { $0.name < $1.name }
        let query = request.query.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }.sorted()
        signedHeaders = headers.map(\.name).joined(separator: ";")
        text = [
            request.method, request.path, query.joined(separator: "&"),
            headers.map { "\($0.name):\($0.value)\n" }.joined(), signedHeaders, request.bodyHash,
        ].joined(separator: "\n")
    }

    /// Without blanks at the ends, and with one for several inside.
    private static func folded(_ value: String) -> String {
        value.split(separator: " ").joined(separator: " ")
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            PlainPath.isUnreserved(byte) ? String(UnicodeScalar(byte)) : String(format: "%%%02X", byte)
        }.joined()
    }
}
