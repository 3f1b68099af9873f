/// Several planes on one listener: the first that has an answer gives it.
package struct PlaneSwitch: Plane {
    package let publicPlane: PublicPlane
    package let runnerPlane: RunnerPlane

    package init(publicPlane: PublicPlane, runnerPlane: RunnerPlane) {
        self.publicPlane = publicPlane
        self.runnerPlane = runnerPlane
    }

    package func answerAtOnce(_ request: PlaneRequest) -> PlaneResponse? {
        publicPlane.document(for: request)
    }

    package var hotPaths: HotPaths? {
        HotPaths(documents: publicPlane, tokens: runnerPlane)
    }

    package func answer(_ request: PlaneRequest) async -> PlaneResponse {
        await runnerPlane.answer(request)
    }
}
