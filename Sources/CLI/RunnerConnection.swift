import Discovery
import Foundation
import Issuer
import JOSE

/// Speaks to the runner plane with the runner's credential.
struct RunnerConnection {
    private let url: String
    private let credential: String

    /// Reads the credential, from standard input only where nothing else is read from there.
    init(_ options: RunnerOptions, standardInputIsTaken: Bool = false) throws {
        let environment = ProcessInfo.processInfo.environment
        let url =
            options.runnerURL ?? environment["JOBSWORTH_RUNNER_URL"] ?? options.issuer
            ?? environment["JOBSWORTH_ISSUER"]
        guard let url else {
            throw CommandFailure.wrongUsage("say with --issuer or JOBSWORTH_ISSUER who the issuer is")
        }
        guard let split = URLOrigin.split(ByteString(url)), split.origin.scheme == "https" || split.origin.isLoopback
        else {
            throw CommandFailure.wrongConfiguration("\(url) is refused: the credential is sent over https only")
        }
        self.url = url
        credential = try Self.credential(options, environment, standardInputIsTaken)
    }

    /// Sends a request; anything but the expected statuses is a failure with the issuer's own words.
    func send(
        _ method: String,
        _ path: String,
        body: [UInt8]? = nil,
        expecting statuses: Set<UInt>
    ) async throws -> [UInt8] {
        var headers = [("Authorization", "Bearer " + credential)]
        if body != nil { headers.append(("Content-Type", "application/json")) }
        let answer = try await HTTPFetcher().send(method, url + path, headers: headers, body: body)
        guard statuses.contains(answer.status) else { throw IssuerAnswer.failure(answer) }
        return answer.body
    }

    private static func credential(
        _ options: RunnerOptions,
        _ environment: [String: String],
        _ standardInputIsTaken: Bool
    ) throws -> String {
        let text: [UInt8]
        if let descriptor = options.credentialFd {
            text = try read(FileHandle(fileDescriptor: descriptor, closeOnDealloc: false))
        } else if let path = options.credentialFile ?? environment["JOBSWORTH_RUNNER_CREDENTIAL_FILE"] {
            text = try read(path)
        } else if !standardInputIsTaken && isatty(0) == 0 {
            text = try StandardStreams.read(limit: 4096)
        } else {
            throw CommandFailure.wrongUsage(
                "give the runner's credential by JOBSWORTH_RUNNER_CREDENTIAL_FILE or standard input"
            )
        }
        let credential = String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard RunnerCredential(ByteString(credential)) != nil else {
            throw CommandFailure.wrongConfiguration(
                "that is no runner credential: it must be the one line, beginning with jwr_, that runner add printed"
            )
        }
        return credential
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue,
            let handle = FileHandle(forReadingAtPath: path)
        else { throw CommandFailure.wrongConfiguration("the credential file \(path) cannot be read") }
        guard mode & 0o077 == 0 else {
            throw CommandFailure.wrongConfiguration(
                "the credential file \(path) can be read by others; run: chmod 600 \(path)"
            )
        }
        return try read(handle)
    }

    private static func read(_ handle: FileHandle) throws -> [UInt8] {
        do {
            return Array(try handle.read(upToCount: 4096) ?? Data())
        } catch {
            throw CommandFailure.wrongConfiguration("the credential cannot be read from its descriptor")
        }
    }
}
