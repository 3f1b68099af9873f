import Testing

@testable import CLI

/// The arguments of `cmd_args`, which are split as CSV with a space for the comma (RFC 4180).
@Suite struct CommandArgumentsTests {
    @Test(arguments: [
        ("", []), ("a", ["a"]), ("-a b --c", ["-a", "b", "--c"]),
        // Every space separates: two in a row have nothing between them.
        ("a  b", ["a", "", "b"]), ("a ", ["a", ""]), (" a", ["", "a"]),
        ("-c \"echo one two\"", ["-c", "echo one two"]), ("\"say \"\"hi\"\"\"", ["say \"hi\""]), ("\"\"", [""]),
        // No shell looks at it.
        ("$HOME * 'a b'", ["$HOME", "*", "'a", "b'"]), ("a\tb\nc", ["a\tb\nc"]),
        // A mark on the space does not make it another byte.
        ("a \u{301}b", ["a", "\u{301}b"]), ("é ß", ["é", "ß"]),
    ])
    func `a line is split at its spaces`(line: String, arguments: [String]) throws {
        #expect(try CommandArguments.split(line) == arguments)
    }

    @Test(arguments: [
        ("a\"b", CommandArguments.Fault.quoteInside), ("x y\"", .quoteInside), ("\"a\"b", .textAfterQuote),
        ("\"a", .quoteOpen), ("\"", .quoteOpen), ("\"a\"\"", .quoteOpen),
    ])
    func `a quote out of place is a fault`(line: String, fault: CommandArguments.Fault) {
        #expect(throws: fault) { try CommandArguments.split(line) }
    }
}
