package import Attestation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import JOSE
package import SPIFFE
import SwiftProtobuf
import WorkloadAPI

/// A connection to any Workload API, ours or another's, for as long as ``open(to:evidence:timeout:_:)`` runs.
package struct WorkloadAPIConnection: Sendable {
    private let client: SpiffeWorkloadAPI.Client<HTTP2ClientTransport.Posix>
    private let metadata: Metadata
    private let timeout: Duration?

    /// Connects, does `work` and disconnects.
    ///
    /// `evidence` proves who we are and is sent with each request; none where the socket knows it by itself. `timeout`
    /// is how long one answer may take; watches have no end. Throws what `work` throws, or ``WorkloadAPIError``.
    package static func open<Result: Sendable>(
        to endpoint: WorkloadEndpoint,
        evidence: Evidence? = nil,
        timeout: Duration? = .seconds(5),
        _ work: @Sendable (WorkloadAPIConnection) async throws -> Result
    ) async throws -> Result {
        let metadata = try WorkloadMetadata.request(with: evidence)
        let transport = try HTTP2ClientTransport.Posix(workloadEndpoint: endpoint)
        return try await withGRPCClient(transport: transport) { client in
            let connection = WorkloadAPIConnection(
                client: SpiffeWorkloadAPI.Client(wrapping: client),
                metadata: metadata,
                timeout: timeout
            )
            return try await work(connection)
        }
    }

    /// The caller's X.509-SVIDs now.
    package func x509SVIDs() async throws(WorkloadAPIError) -> ReceivedX509SVIDs {
        try await answer {
            try await client.fetchX509SVID(X509SVIDRequest(), metadata: metadata, options: options) { response in
                try ReceivedX509SVIDs(try await Self.first(of: response.messages))
            }
        }
    }

    /// Hands on the caller's X.509-SVIDs now and after each change, one at a time, until the stream ends.
    ///
    /// - Throws: ``WorkloadAPIError``, or what `each` throws, which ends the stream.
    package func watchX509SVIDs(
        _ each: @escaping @Sendable (ReceivedX509SVIDs) async throws -> Void
    ) async throws {
        try await watch {
            try await client.fetchX509SVID(X509SVIDRequest(), metadata: metadata) { response in
                for try await message in response.messages { try await handOn(ReceivedX509SVIDs(message), to: each) }
            }
        }
    }

    /// The CA certificates of each trust domain now.
    package func x509Bundles() async throws(WorkloadAPIError) -> ReceivedX509Bundles {
        try await answer {
            try await client.fetchX509Bundles(X509BundlesRequest(), metadata: metadata, options: options) { response in
                try ReceivedX509Bundles(try await Self.first(of: response.messages))
            }
        }
    }

    /// Hands on the CA certificates now and after each change, until the stream ends.
    ///
    /// - Throws: As ``watchX509SVIDs(_:)``.
    package func watchX509Bundles(
        _ each: @escaping @Sendable (ReceivedX509Bundles) async throws -> Void
    ) async throws {
        try await watch {
            try await client.fetchX509Bundles(X509BundlesRequest(), metadata: metadata) { response in
                for try await message in response.messages { try await handOn(ReceivedX509Bundles(message), to: each) }
            }
        }
    }

    /// JWT-SVIDs for all of `audiences`, at least one, the first of the default identity; `id` asks for that one alone.
    package func jwtSVIDs(
        audiences: [ByteString],
        id: SPIFFEID? = nil
    ) async throws(WorkloadAPIError) -> [ReceivedJWTSVID] {
        let request = JWTSVIDRequest.with {
            $0.audience = audiences.map(\.string)
            $0.spiffeID = id?.text.string ?? ""
        }
        return try await answer {
            let response = try await client.fetchJWTSVID(request, metadata: metadata, options: options)
            guard !response.svids.isEmpty else { throw WorkloadAPIAnswerError.empty }
            return try response.svids.map { try ReceivedJWTSVID($0) }
        }
    }

    /// The JWK Set of each trust domain now.
    package func jwtBundles() async throws(WorkloadAPIError) -> ReceivedJWTBundles {
        try await answer {
            try await client.fetchJWTBundles(JWTBundlesRequest(), metadata: metadata, options: options) { response in
                try ReceivedJWTBundles(try await Self.first(of: response.messages))
            }
        }
    }

    /// Hands on the JWK Sets now and after each change, until the stream ends.
    ///
    /// - Throws: As ``watchX509SVIDs(_:)``.
    package func watchJWTBundles(
        _ each: @escaping @Sendable (ReceivedJWTBundles) async throws -> Void
    ) async throws {
        try await watch {
            try await client.fetchJWTBundles(JWTBundlesRequest(), metadata: metadata) { response in
                for try await message in response.messages { try await handOn(ReceivedJWTBundles(message), to: each) }
            }
        }
    }

    /// Asks whether a JWT-SVID is valid for `audience`, and what it says; one that is not is `invalidArgument`.
    package func validate(
        _ token: ByteString,
        audience: ByteString
    ) async throws(WorkloadAPIError) -> ReceivedValidation {
        let request = ValidateJWTSVIDRequest.with {
            $0.audience = audience.string
            $0.svid = token.string
        }
        return try await answer {
            try ReceivedValidation(try await client.validateJWTSVID(request, metadata: metadata, options: options))
        }
    }

    private var options: CallOptions {
        var options = CallOptions.defaults
        options.timeout = timeout
        return options
    }

    private func answer<Result: Sendable>(
        _ call: () async throws -> Result
    ) async throws(WorkloadAPIError) -> Result {
        do { return try await call() } catch { throw WorkloadAPIError(error) }
    }

    private func watch(_ call: () async throws -> Void) async throws {
        do { try await call() } catch let error as ReceiverError { throw error.cause } catch {
            throw WorkloadAPIError(error)
        }
    }

    /// Marks what the receiver throws, so that it is not taken for the server's.
    private func handOn<Message: Sendable>(
        _ message: Message,
        to each: @Sendable (Message) async throws -> Void
    ) async throws {
        do { try await each(message) } catch { throw ReceiverError(cause: error) }
    }

    private static func first<Message: Sendable>(
        of messages: RPCAsyncSequence<Message, any Error>
    ) async throws -> Message {
        for try await message in messages { return message }
        throw WorkloadAPIAnswerError.streamEmpty
    }
}

private struct ReceiverError: Error {
    let cause: any Error
}
