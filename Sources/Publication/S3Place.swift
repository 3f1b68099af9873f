import Discovery
package import JOSE
package import Keys
import NIOHTTP1

/// A bucket of Amazon S3 or of a store that speaks its protocol.
package struct S3Place: PublicationPlace {
    package let name: ByteString
    private let bucket: S3Bucket
    private let credentials: AWSCredentials
    private let now: @Sendable () -> NumericDate

    package init(
        name: ByteString,
        bucket: S3Bucket,
        credentials: AWSCredentials,
        now: @escaping @Sendable () -> NumericDate
    ) {
        self.name = name
        self.bucket = bucket
        self.credentials = credentials
        self.now = now
    }

    package func write(_ file: PublicationFile) async throws(PublicationError) {
        let headers = [
            (name: "Content-Type", value: file.document.contentType.string),
            (name: "Cache-Control", value: file.document.cacheControl.string),
        ]
        let answer = try await exchange(.PUT, file.path, headers, body: file.document.body).answer()
        if let failure = failure(answer, file.path) { throw failure }
    }

    package func read(_ file: PublicationFile) async throws(PublicationError) -> PublishedCopy {
        let answer = try await exchange(.GET, file.path, [("Cache-Control", "no-cache")], body: nil).answer()
        guard answer.status == 200 else { throw failure(answer, file.path) ?? notReadable(answer, file.path) }
        return try answer.copy(bucket.url(of: file.path))
    }

    private func exchange(
        _ method: HTTPMethod,
        _ path: ByteString,
        _ headers: [(name: String, value: String)],
        body: [UInt8]?
    ) -> WebExchange {
        let date = now()
        let bodyHash = AWSSignatureV4.hash(of: body ?? [])
        var signed = headers
        signed.append(("Host", bucket.endpoint.authority))
        signed.append(("x-amz-content-sha256", bodyHash))
        signed.append(("x-amz-date", AWSSignatureV4.timestamp(date)))
        if let token = credentials.sessionToken { signed.append(("x-amz-security-token", token.text)) }
        let request = AWSSignatureV4.Request(
            method: method.rawValue,
            path: bucket.path(of: path),
            headers: signed,
            bodyHash: bodyHash
        )
        let signature = AWSSignatureV4(credentials: credentials, region: bucket.region)
        signed.append(("Authorization", signature.authorization(request, at: date)))
        return WebExchange(method, bucket.url(of: path), headers: signed, body: body)
    }

    private func failure(_ answer: WebExchange.Answer, _ path: ByteString) -> PublicationError? {
        guard !(200...299).contains(answer.status) else { return nil }
        if let code = S3ErrorCode(in: answer.body) { return .refusedByS3(bucket.url(of: path), code) }
        return answer.writeFailure(bucket.url(of: path))
    }

    private func notReadable(_ answer: WebExchange.Answer, _ path: ByteString) -> PublicationError {
        .notReadable(bucket.url(of: path), status: answer.status)
    }
}
