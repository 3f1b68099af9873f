/// The arguments in one line of text, as spiffe-helper has them: separated by one space each, as in CSV.
///
/// Double quotes around a whole argument keep its spaces, and two in a row inside stand for one (RFC 4180 §2, with a space
/// for the comma). No shell looks at it: `$`, `*` and `'` are themselves.
enum CommandArguments {
    /// Why a text is no list of arguments.
    enum Fault: Error, Hashable {
        /// A quote inside an argument that does not begin with one.
        case quoteInside
        /// What follows a closing quote is not a space.
        case textAfterQuote
        /// A quote that nothing closes.
        case quoteOpen
    }

    static func split(_ text: String) throws(Fault) -> [String] {
        var rest = Array(text.utf8)[...]
        var arguments: [String] = []
        while !rest.isEmpty {
            let argument = try rest.first == quote ? quoted(&rest) : plain(&rest)
            arguments.append(String(decoding: argument, as: UTF8.self))
            if rest.popFirst() != nil, rest.isEmpty { arguments.append("") }
        }
        return arguments
    }

    private static let quote = UInt8(ascii: "\"")
    private static let space = UInt8(ascii: " ")

    /// What stands before the next space.
    private static func plain(_ rest: inout ArraySlice<UInt8>) throws(Fault) -> ArraySlice<UInt8> {
        let argument = rest.prefix { $0 != space }
        guard !argument.contains(quote) else { throw .quoteInside }
        rest = rest[argument.endIndex...]
        return argument
    }

    private static func quoted(_ rest: inout ArraySlice<UInt8>) throws(Fault) -> ArraySlice<UInt8> {
        var argument: ArraySlice<UInt8> = []
        rest.removeFirst()
        while let end = rest.firstIndex(of: quote) {
            argument += rest[..<end]
            rest = rest[(end + 1)...]
            guard rest.first == quote else {
                guard rest.isEmpty || rest.first == space else { throw .textAfterQuote }
                return argument
            }
            argument.append(quote)
            rest.removeFirst()
        }
        throw .quoteOpen
    }
}
