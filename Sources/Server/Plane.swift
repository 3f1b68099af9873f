/// What answers on a listener.
package protocol Plane: Sendable {
    /// An answer that is there already, given on the event loop; nil where there must be waited for one.
    func answerAtOnce(_ request: PlaneRequest) -> PlaneResponse?
    /// What is answered from a request's bytes alone; nil for nothing.
    var hotPaths: HotPaths? { get }
    func answer(_ request: PlaneRequest) async -> PlaneResponse
    /// The answer to a request that could not be read.
    func answer(_ fault: RequestFault) -> PlaneResponse
}

extension Plane {
    package var hotPaths: HotPaths? { nil }

    package func answerAtOnce(_ request: PlaneRequest) -> PlaneResponse? { nil }

    package func answer(_ fault: RequestFault) -> PlaneResponse {
        ErrorResponse.response(to: fault)
    }
}
