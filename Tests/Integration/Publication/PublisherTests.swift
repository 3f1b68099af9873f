// What counts as published.

import Discovery
import JOSE
import Testing

@testable import Publication

@Suite struct PublisherTests {
    private func reports(_ places: [InMemoryPlace]) async throws -> [PlaceReport] {
        await Publisher(try Samples.files()).publish(to: places)
    }

    @Test func `the keys are written before the document that leads to them`() async throws {
        let place = InMemoryPlace("a")
        #expect(try await reports([place]) == [PlaceReport(name: "a", outcome: .success(["one"]))])
        #expect(
            place.written == [".well-known/jwks", ".well-known/jwks.json", ".well-known/openid-configuration"]
        )
    }

    @Test func `a place that fails fails alone`() async throws {
        let places = [
            InMemoryPlace("a"), InMemoryPlace("b", writeFailure: .unreachable("https://b")), InMemoryPlace("c"),
        ]
        #expect(
            try await reports(places) == [
                PlaceReport(name: "a", outcome: .success(["one"])),
                PlaceReport(name: "b", outcome: .failure(.unreachable("https://b"))),
                PlaceReport(name: "c", outcome: .success(["one"])),
            ]
        )
    }

    @Test(arguments: [".well-known/jwks", ".well-known/jwks.json", ".well-known/openid-configuration"] as [ByteString])
    func `one other byte in any file is a failure`(path: ByteString) async throws {
        let place = InMemoryPlace("a") { file in
            guard file.path == path else { return nil }
            return PublishedCopy(location: "there", body: file.document.body + [0x0A], contentType: "application/json")
        }
        #expect(try await reports([place]) == [PlaceReport(name: "a", outcome: .failure(.otherBytes("there")))])
    }

    @Test(
        arguments: [
            ("application/json", true), ("Application/JSON ; charset=utf-8", true), ("text/plain", false), ("", false),
            ("application/json+x", false), ("application/octet-stream", false),
            // A folder keeps no type.
            (nil, true),
        ] as [(ByteString?, Bool)]
    )
    func `the discovery document must be served as JSON`(type: ByteString?, isPublished: Bool) async throws {
        let place = InMemoryPlace("a") { file in
            guard file.isProviderMetadata else { return nil }
            return PublishedCopy(location: "there", body: file.document.body, contentType: type)
        }
        let expected: Result<[ByteString], PublicationError> =
            isPublished ? .success(["one"]) : .failure(.otherContentType("there", type ?? ""))
        #expect(try await reports([place]) == [PlaceReport(name: "a", outcome: expected)])
    }

    @Test func `a JWK Set that cannot be read is not published`() async throws {
        let files = [try Samples.file(".well-known/jwks", "{}")]
        let reports = await Publisher(files).publish(to: [InMemoryPlace("a")])
        #expect(reports == [PlaceReport(name: "a", outcome: .failure(.keysUnreadable(".well-known/jwks")))])
    }

    @Test func `only keys in every JWK Set of the place were seen`() async throws {
        let files = [try Samples.file(".well-known/jwks"), try Samples.file(".well-known/jwks.json", #"{"keys":[]}"#)]
        let reports = await Publisher(files).publish(to: [InMemoryPlace("a")])
        #expect(reports == [PlaceReport(name: "a", outcome: .success([]))])
    }
}
