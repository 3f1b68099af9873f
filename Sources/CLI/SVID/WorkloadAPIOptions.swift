import Agent
import ArgumentParser
import Attestation
import Foundation
import JOSE

/// Where the Workload API is, and what is shown to it.
struct WorkloadAPIOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The Workload API: unix:///path, a path, or tcp://IP:port (default: SPIFFE_ENDPOINT_SOCKET).",
            valueName: "socket"
        )
    )
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "The job's token. Other users of this machine can see arguments: better a file or SPIFFE_IDENTITY_EXCHANGE_TOKEN.",
            valueName: "token"
        )
    )
    var identityExchangeToken: String?

    @Option(help: ArgumentHelp("A file with the job's token, - for standard input.", valueName: "file"))
    var identityExchangeTokenFile: String?

    @Option(help: ArgumentHelp("How long to wait for an answer.", valueName: "duration"))
    var timeout = ShortDuration(.seconds(5))

    func validate() throws {
        if identityExchangeToken != nil, identityExchangeTokenFile != nil {
            throw ValidationError(
                "--identity-exchange-token and --identity-exchange-token-file are two answers to one question"
            )
        }
    }

    /// What the options say, or else a file's settings, or else the environment.
    func source(
        configuredSocket: String? = nil,
        configuredTokenFile: String? = nil
    ) throws -> WorkloadAPISource {
        WorkloadAPISource(
            endpoint: try WorkloadAPISource.endpoint(socket ?? configuredSocket),
            evidence: try evidence(configuredFile: configuredTokenFile),
            timeout: timeout.value
        )
    }

    private func evidence(configuredFile: String?) throws -> EvidenceSource {
        if let identityExchangeToken {
            return .token(
                try EvidenceSource.evidence(Array(identityExchangeToken.utf8), from: "--identity-exchange-token")
            )
        }
        if identityExchangeTokenFile == "-" {
            return .token(try EvidenceSource.evidence(StandardStreams.read(limit: 65_536), from: "standard input"))
        }
        if let file = identityExchangeTokenFile ?? configuredFile { return .file(file) }
        if let token = ProcessInfo.processInfo.environment[EvidenceSource.variable], !token.isEmpty {
            return .token(try EvidenceSource.evidence(Array(token.utf8), from: EvidenceSource.variable))
        }
        return .none
    }
}
