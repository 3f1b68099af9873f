import Foundation

/// Ends the process with one clear line where a file takes too long to read: aliases used as keys can make a small YAML
/// file cost more than all the time there is, inside the parser, which cannot be told to stop.
struct ReadingDeadline {
    private let end: DispatchWorkItem

    private static let seconds = 15

    init(_ path: String) {
        end = DispatchWorkItem {
            StandardStreams.complain("\(path) takes too long to read; are its aliases used as keys?")
            exit(78)
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Self.seconds), execute: end)
    }

    func lift() {
        end.cancel()
    }
}
