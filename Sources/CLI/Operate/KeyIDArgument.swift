/// One kid in 64 begins with a hyphen, and would be taken for an option.
enum KeyIDArgument {
    /// The arguments with such a kid behind `--`, where nothing is an option.
    static func protected(_ arguments: some Sequence<String>) -> [String] {
        let arguments = Array(arguments)
        guard arguments.first == "keys", !arguments.contains("--") else { return arguments }
        let kids = arguments.filter(isHyphenated)
        return kids.isEmpty ? arguments : arguments.filter { !isHyphenated($0) } + ["--"] + kids
    }

    /// A SHA-256 in base64url is 43 characters long; none of our options is.
    private static func isHyphenated(_ argument: String) -> Bool {
        argument.utf8.count == 43 && argument.hasPrefix("-")
            && argument.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
                default: false
                }
            }
    }
}
