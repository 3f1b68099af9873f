// Where in a job file something stands.

import JOSE

/// The keys and indices that lead from the top of a job file to a value.
package struct JobFilePath: Hashable, Sendable {
    /// One step down.
    private enum Step: Hashable {
        case key(ByteString)
        case index(Int)
    }

    private let steps: [Step]

    /// The whole file.
    package static let top = JobFilePath(steps: [])

    private init(steps: [Step]) {
        self.steps = steps
    }

    func key(_ name: ByteString) -> JobFilePath {
        JobFilePath(steps: steps + [.key(name)])
    }

    func index(_ index: Int) -> JobFilePath {
        JobFilePath(steps: steps + [.index(index)])
    }

    /// The path as it is written, as `deploy.id_tokens.AWS.aud[0]`; empty for the whole file.
    package var text: String {
        steps.reduce(into: "") { text, step in
            switch step {
            case .key(let name): text += text.isEmpty ? name.string : ".\(name.string)"
            case .index(let index): text += "[\(index)]"
            }
        }
    }

    /// The path and those of what holds it, the innermost first: what came from elsewhere has no line of its own.
    package var textsOutwards: [String] {
        (0...steps.count).reversed().map { JobFilePath(steps: Array(steps.prefix($0))).text }
    }
}
