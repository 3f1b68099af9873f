/// What a listener answers from a request's bytes, without the decoder and without a task.
package final class HotPaths: Sendable {
    let documents: PublicPlane?
    let tokens: RunnerPlane?

    init(documents: PublicPlane? = nil, tokens: RunnerPlane? = nil) {
        self.documents = documents
        self.tokens = tokens
    }
}
