// The examples of the S3 API reference, "Authenticating Requests: Using the Authorization Header".

import JOSE
import Keys
import Testing

@testable import Publication

@Suite struct AWSSignatureV4Tests {
    /// 2013-05-24T00:00:00Z.
    private let date = NumericDate(secondsSinceEpoch: 1_369_353_600)
    private static let host = (name: "Host", value: "examplebucket.s3.amazonaws.com")
    private static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private func signature(
        secret: String = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region: String = "us-east-1"
    ) throws -> AWSSignatureV4 {
        AWSSignatureV4(
            credentials: AWSCredentials(
                accessKeyID: try #require(Secret("AKIAIOSFODNN7EXAMPLE".utf8)),
                secretAccessKey: try #require(Secret(secret.utf8)),
                sessionToken: nil
            ),
            region: region
        )
    }

    private static func request(
        _ method: String = "GET",
        _ path: String = "/",
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [],
        bodyHash: String = emptyHash
    ) -> AWSSignatureV4.Request {
        let signed = [host, ("x-amz-date", "20130524T000000Z"), ("x-amz-content-sha256", bodyHash)]
        return AWSSignatureV4.Request(
            method: method,
            path: path,
            query: query,
            headers: headers + signed,
            bodyHash: bodyHash
        )
    }

    @Test func `an object is read`() throws {
        let request = Self.request("GET", "/test.txt", headers: [("Range", "bytes=0-9")])
        #expect(
            try signature().authorization(request, at: date)
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        )
    }

    @Test func `an object is written`() throws {
        let bodyHash = AWSSignatureV4.hash(of: Array("Welcome to Amazon S3.".utf8))
        #expect(bodyHash == "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        let headers = [
            (name: "Date", value: "Fri, 24 May 2013 00:00:00 GMT"),
            (name: "x-amz-storage-class", value: "REDUCED_REDUNDANCY"),
        ]
        let request = Self.request("PUT", "/test%24file.text", headers: headers, bodyHash: bodyHash)
        #expect(
            try signature().authorization(request, at: date)
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                + "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
                + "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        )
    }

    @Test(arguments: [
        // A name without a value.
        ([("lifecycle", "")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        // In any order.
        ([("prefix", "J"), ("max-keys", "2")], "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ])
    func `a query is signed`(query: [(String, String)], expected: String) throws {
        let request = Self.request(query: query.map { (name: $0.0, value: $0.1) })
        #expect(try signature().authorization(request, at: date).hasSuffix("Signature=" + expected))
    }

    @Test(arguments: [
        request("PUT"), request("GET", "/a"), request(query: [("a", "b")]),
        request(headers: [("Cache-Control", "no-cache")]),
        request(bodyHash: AWSSignatureV4.hash(of: [0])),
    ])
    func `another request has another signature`(request: AWSSignatureV4.Request) throws {
        #expect(
            try signature().authorization(request, at: date).suffix(64)
                != signature().authorization(Self.request(), at: date).suffix(64)
        )
    }

    @Test func `another secret, region or time has another signature`() throws {
        let request = Self.request()
        let signatures = [
            try signature().authorization(request, at: date),
            try signature(secret: "another").authorization(request, at: date),
            try signature(region: "eu-central-1").authorization(request, at: date),
            try signature().authorization(request, at: date.advanced(bySeconds: 1)),
            try signature().authorization(request, at: date.advanced(bySeconds: 86_400)),
        ]
        #expect(Set(signatures.map { $0.suffix(64) }).count == signatures.count)
    }

    @Test func `blanks that a proxy may fold are folded`() throws {
        let plain = Self.request(headers: [("Cache-Control", "public, max-age=300")])
        let padded = Self.request(headers: [("cache-control", "  public,   max-age=300 ")])
        #expect(
            try signature().authorization(plain, at: date) == signature().authorization(padded, at: date)
        )
    }
}
