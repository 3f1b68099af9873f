import JOSE

extension ByteString {
    /// A text of somebody else's for a person: on one line, of bounded length, nothing that steers a terminal.
    var shownPlainly: String {
        let line = string.unicodeScalars.prefix(300).map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: " " as Unicode.Scalar
            default: scalar
            }
        }
        return String(String.UnicodeScalarView(line))
    }
}
