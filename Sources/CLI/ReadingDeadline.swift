import Foundation

/// Ends the process with one clear line where a file takes too long to read: mappings that are keys of mappings that are
/// keys can make a YAML file cost minutes inside the parser, which cannot be told to stop.
struct ReadingDeadline {
    private let end: DispatchWorkItem

    private static let seconds = 15

    init(_ path: String) {
        end = DispatchWorkItem {
            StandardStreams.complain("\(path) takes too long to read; are whole mappings used as keys?")
            exit(78)
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Self.seconds), execute: end)
    }

    func lift() {
        end.cancel()
    }
}
