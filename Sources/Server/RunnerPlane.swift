package import Discovery
package import Issuer
import JOSE
package import Keys
package import Logging
import NIOHTTP1

/// The plane of runners and their jobs: registration, tokens, the end.
package struct RunnerPlane: Plane {
    let registrar: JobRegistrar
    let issuer: TokenIssuer
    let authentication: CallerAuthentication
    let requestTokens: RequestTokenKey
    let metrics: ServerMetrics
    /// What stands for `{issuer}` in the URLs of this plane.
    let url: IssuerIdentifier
    let rates: JobRates
    /// Under which the URLs of request tokens lie: the path of `url`, and `/v1/jobs/`.
    let idTokenPrefix: [UInt8]
    let hold: @Sendable (ClockReading) -> IssuanceHold?
    let random = RandomReserve()
    private let logger: Logger

    /// `hold` says why nothing may be registered, issued or ended now; nil where it may.
    package init(
        url: IssuerIdentifier,
        registrar: JobRegistrar,
        issuer: TokenIssuer,
        authentication: CallerAuthentication,
        requestTokens: RequestTokenKey,
        metrics: ServerMetrics,
        rates: JobRates,
        hold: @escaping @Sendable (ClockReading) -> IssuanceHold?,
        logger: Logger
    ) {
        self.url = url
        self.registrar = registrar
        self.issuer = issuer
        self.authentication = authentication
        self.requestTokens = requestTokens
        self.metrics = metrics
        self.rates = rates
        idTokenPrefix = (url.path + "/v1/jobs/").bytes
        self.hold = hold
        self.logger = logger
    }

    package var hotPaths: HotPaths? {
        HotPaths(tokens: self)
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        let response = await routed(request)
        metrics.countAnswer(status: response.status.code)
        return response
    }

    private func routed(_ request: PlaneRequest) async -> PlaneResponse {
        guard request.path.hasPrefix(url.path),
            let route = RunnerRoute(ByteString(request.path.bytes.dropFirst(url.path.count)))
        else { return ErrorResponse.response(to: .pathNotFound) }
        // One reading for the whole request: what is dated by it was looked at.
        let reading = ClockReading.now
        if let hold = hold(reading) {
            metrics.countUnavailable()
            return response(to: hold, at: route.errorRoute)
        }
        do {
            return try await answer(request.takenUp(at: reading.wall), route)
        } catch let fault as RequestFault {
            return ErrorResponse.response(to: fault)
        } catch let error as IssuanceError {
            note(error)
            return ErrorResponse.response(to: error, at: route.errorRoute)
        } catch let refusal as Refusal {
            note(.refused(refusal))
            return ErrorResponse.response(to: refusal, at: route.errorRoute)
        } catch {
            logger.error("request failed", metadata: ["error.code": "\(type(of: error))"])
            return ErrorResponse.response(to: .internalError)
        }
    }

    private func answer(_ request: PlaneRequest, _ route: RunnerRoute) async throws -> PlaneResponse {
        switch (route, request.method) {
        case (.jobs, .POST): try await register(request)
        case (.jobs, .DELETE): try await end(request, reference: request.endReference)
        case (.job(let id), .PATCH): try await setFacts(of: id, request)
        case (.job(let id), .DELETE): try await end(request, id)
        case (.heartbeat(let id), .POST): try await heartbeat(of: id, request)
        case (.idToken(let id), .GET): try await gitHubToken(of: id, request)
        case (.idToken(let id), .POST): try await azureToken(of: id, request)
        case (.agentTokens(let id), .POST): try await agentToken(of: id, request)
        case (.tokenExchange, .POST): try await exchange(request)
        default: ErrorResponse.methodNotAllowed(allowed: route.allowedMethods)
        }
    }

    private func response(to hold: IssuanceHold, at route: ErrorResponse.Route) -> PlaneResponse {
        switch hold {
        case .clockUncertain: ErrorResponse.response(to: Refusal(.clockUncertain), at: route)
        case .keysStale: ErrorResponse.response(to: .noSigningKey)
        }
    }

    /// Unknown credentials are counted, and a sample of them is logged: an attacker must not fill the disk.
    func note(_ error: IssuanceError) {
        switch error {
        case .refused(let refusal): metrics.countRefusal(refusal.reason)
        case .unauthenticated:
            let count = metrics.countUnauthenticated()
            if count & (count - 1) == 0 {
                logger.warning("credentials refused", metadata: ["count": "\(count)"])
            }
        case .store, .noSigningKey: metrics.countUnavailable()
        }
    }
}

extension RunnerRoute {
    var errorRoute: ErrorResponse.Route {
        switch self {
        case .jobs, .job, .heartbeat: .jobs
        case .idToken, .agentTokens: .idToken
        case .tokenExchange: .tokenExchange
        }
    }
}
