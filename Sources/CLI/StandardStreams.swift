import Foundation

/// Standard output carries the asked-for value and nothing else; all the rest goes to standard error.
enum StandardStreams {
    /// Ends the command where nobody can take what was asked for: to say done then would lose it.
    static func write(_ bytes: [UInt8]) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        } catch {
            complain("standard output cannot be written, and what it was to hold is lost")
            exit(1)
        }
    }

    static func print(_ line: String) {
        write(Array((shown(line) + "\n").utf8))
    }

    static func complain(_ message: String) {
        try? FileHandle.standardError.write(contentsOf: Data(("jobsworth: " + shown(message) + "\n").utf8))
    }

    /// A message whose first word a program reads: nothing before it.
    static func complainPlainly(_ message: String) {
        try? FileHandle.standardError.write(contentsOf: Data((shown(message) + "\n").utf8))
    }

    /// Without control characters but tabs and the ends of lines: what a message quotes of others must not steer the terminal.
    private static func shown(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 }))
    }

    private static func isControl(_ character: Unicode.Scalar) -> Bool {
        character != "\n" && character != "\t" && character.properties.generalCategory == .control
    }

    /// All of standard input, up to `limit` bytes.
    static func read(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            guard let data = try FileHandle.standardInput.read(upToCount: 65_536), !data.isEmpty else { return bytes }
            bytes += data
        }
        throw CommandFailure.failed("standard input holds more than \(limit) bytes")
    }
}
