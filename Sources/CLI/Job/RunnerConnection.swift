import Foundation
import Issuer
import JOSE

/// Speaks to the runner plane: with the runner's credential, or through the broker, which holds it.
struct RunnerConnection {
    private enum Way {
        case issuer(RunnerPlaneURL, credential: String)
        case broker(socket: String)
    }

    private let way: Way

    /// Reads the credential, from standard input only where nothing else is read from there; none where there is a
    /// broker.
    init(_ options: RunnerOptions, standardInputIsTaken: Bool = false) throws {
        let environment = ProcessInfo.processInfo.environment
        if let socket = try options.brokerSocket(environment) {
            way = .broker(socket: socket)
            return
        }
        let url = try RunnerPlaneURL(options.runnerURL, options.issuer, environment)
        way = .issuer(url, credential: try Self.credential(options, environment, standardInputIsTaken))
    }

    /// Whether a broker holds the credential, and this process nothing.
    var isBrokered: Bool {
        if case .broker = way { true } else { false }
    }

    /// Sends a request; anything but the expected statuses is a failure with the issuer's own words.
    func send(
        _ method: String,
        _ path: String,
        body: [UInt8]? = nil,
        expecting statuses: Set<UInt>
    ) async throws -> [UInt8] {
        let answer = try await exchange(method, path, body: body)
        guard statuses.contains(answer.status) else { throw IssuerAnswer.failure(answer) }
        return answer.body
    }

    /// Sends a request; throws where no answer comes.
    func exchange(_ method: String, _ path: String, body: [UInt8]? = nil) async throws -> HTTPFetcher.Answer {
        var headers: [(String, String)] = []
        if body != nil { headers.append(("Content-Type", "application/json")) }
        switch way {
        case .issuer(let url, let credential):
            headers.append(("Authorization", "Bearer " + credential))
            return try await HTTPFetcher().send(method, url.value + path, headers: headers, body: body)
        case .broker(let socket):
            return try await HTTPFetcher().send(method, toBroker: socket, path: path, headers: headers, body: body)
        }
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

extension RunnerOptions {
    /// The broker's socket, if one is named; a credential beside it would be one that the broker is to keep away.
    fileprivate func brokerSocket(_ environment: [String: String]) throws -> String? {
        guard let socket = broker ?? environment["JOBSWORTH_RUNNER_BROKER"] else { return nil }
        guard credentialFd == nil, credentialFile == nil, environment["JOBSWORTH_RUNNER_CREDENTIAL_FILE"] == nil else {
            throw CommandFailure.wrongUsage(
                "give a broker or a credential, not both: with a broker the credential is nowhere else"
            )
        }
        return socket
    }
}

extension HTTPFetcher {
    fileprivate func send(
        _ method: String,
        toBroker socket: String,
        path: String,
        headers: [(String, String)],
        body: [UInt8]?
    ) async throws -> Answer {
        do {
            return try await send(method, toSocket: socket, path: path, headers: headers, body: body)
        } catch {
            throw CommandFailure.failed(
                "the broker at \(socket) gives no answer; is it running, and does its --allow-uid name uid \(getuid())?"
            )
        }
    }
}
