import Foundation
import JOSE
import Publication
import Server

/// The configured places with the credentials that they need.
struct OpenedPlaces {
    let places: [any PublicationPlace]

    /// Every credential is read before anything is written: a place that lacks its own is wrong configuration.
    init(_ settings: [PlaceSettings], environment: [String: String]) throws {
        places = try settings.map { place in
            let written = try Self.place(place, environment)
            return place.url.map { PlaceReadAtURL(written, url: $0) } ?? written
        }
    }

    private static func place(
        _ place: PlaceSettings,
        _ environment: [String: String]
    ) throws -> any PublicationPlace {
        switch place.kind {
        case .directory(let path): return DirectoryPlace(name: place.name, root: path)
        case .put(let url, let file):
            return HTTPPutPlace(name: place.name, url: url, authorization: try file.map(authorization))
        case .s3(let bucket):
            let credentials = try credentials(environment, for: place.name)
            return S3Place(name: place.name, bucket: bucket, credentials: credentials) { .now }
        }
    }

    private static func credentials(
        _ environment: [String: String],
        for place: ByteString
    ) throws -> AWSCredentials {
        guard let accessKeyID = try secret("AWS_ACCESS_KEY_ID", environment),
            let secretAccessKey = try secret("AWS_SECRET_ACCESS_KEY", environment)
        else {
            throw CommandFailure.wrongConfiguration(
                "the place \(place) needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
            )
        }
        return AWSCredentials(
            accessKeyID: accessKeyID,
            secretAccessKey: secretAccessKey,
            sessionToken: try secret("AWS_SESSION_TOKEN", environment)
        )
    }

    private static func secret(_ variable: String, _ environment: [String: String]) throws -> Secret? {
        guard let text = environment[variable], !text.isEmpty else { return nil }
        guard let secret = Secret(text.utf8) else {
            throw CommandFailure.wrongConfiguration("\(variable) holds bytes that no credential has; set it again")
        }
        return secret
    }

    private static func authorization(_ path: String) throws -> Secret {
        let text = try PrivateFile.read(path, limit: 8192)
        let line = text.reversed().drop { $0 == 0x0A || $0 == 0x0D }.reversed()
        guard let secret = Secret(line) else {
            throw CommandFailure.wrongConfiguration(
                "\(path) must hold the value of the Authorization header on one line, as: Bearer …"
            )
        }
        return secret
    }
}
