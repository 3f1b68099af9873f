import JOSE

/// What one look at one place found; it names places, and never holds a secret.
struct DoctorFinding {
    /// Where it was looked, in a word that does not change.
    enum Check: String {
        case environment
        case descriptors
        case processes
        case memory
        case credentialFiles = "credential-files"
        case broker
        case admin
        case store
    }

    let check: Check
    let isReached: Bool
    let sentence: String

    static func ok(_ check: Check, _ sentence: String) -> DoctorFinding {
        DoctorFinding(check: check, isReached: false, sentence: sentence)
    }

    static func reached(_ check: Check, _ sentence: String) -> DoctorFinding {
        DoctorFinding(check: check, isReached: true, sentence: sentence)
    }

    /// The line that a person reads.
    var line: String {
        let words = [isReached ? "REACHED" : "ok", check.rawValue].zip(widths: [8, 17])
        return words + Self.printable(sentence)
    }

    var document: JSONObject {
        JSONObject([
            ("check", .string(ByteString(check.rawValue))), ("reached", .bool(isReached)),
            ("detail", .string(ByteString(sentence))),
        ])
    }

    /// Names of processes and files are others' words: a terminal is not to obey them.
    private static func printable(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}

extension [String] {
    /// The words side by side, each as wide as its column.
    fileprivate func zip(widths: [Int]) -> String {
        Swift.zip(self, widths).map { $0 + String(repeating: " ", count: Swift.max(1, $1 - $0.utf8.count)) }.joined()
    }
}
