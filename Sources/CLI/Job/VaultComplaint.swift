import JOSE

/// What Vault says in an error, as far as it may be shown: who answers there may say anything, a job's token too.
struct VaultComplaint: CustomStringConvertible {
    static let withheld = "its words hold a token and are not shown"

    private static let shownBytes = 200
    /// Past what is shown, so that nothing shown is the beginning of a token that was cut.
    private static let readBytes = 16_384
    /// Fewer bytes of a token in a row come about by chance.
    private static let pieceLength = 12

    let description: String

    /// `tokens` are what the server was sent, and must not be shown.
    init(_ words: String, tokens: [String]) {
        let printable = words.utf8.map { (0x20..<0x7F).contains($0) ? $0 : 0x20 }
        let bytes = Array(printable.prefix(Self.readBytes))
        let text = String(decoding: bytes, as: UTF8.self)
        if text.contains("eyJ") || tokens.contains(where: { Self.isPiece(of: Array($0.utf8), in: bytes) }) {
            description = Self.withheld
        } else {
            description = String(text.prefix(Self.shownBytes))
        }
    }

    /// Whether any piece of the token is in the text: the whole of a short one.
    private static func isPiece(of token: [UInt8], in text: [UInt8]) -> Bool {
        let length = min(token.count, pieceLength)
        guard length > 0, text.count >= length else { return false }
        let pieces = Set((0...token.count - length).map { token[$0..<$0 + length] })
        return (0...text.count - length).contains { pieces.contains(text[$0..<$0 + length]) }
    }
}
