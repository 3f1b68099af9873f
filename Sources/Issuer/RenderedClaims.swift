import JOSE

/// The claims that all tokens of one job, form and audience share, as the beginning of the payload: rendered and
/// encoded once, so that a token costs only its tail.
struct RenderedClaims: Sendable {
    /// `{"iss":…,"aud":…,` up to where the first claim of the single token stands.
    let text: [UInt8]
    /// As much of ``text`` in base64url as is a multiple of three bytes.
    private let encoded: [UInt8]
    /// The bytes of ``text`` that ``encoded`` does not cover: 0 to 2.
    private let rest: ArraySlice<UInt8>

    /// - Parameter claims: At least one, and none of those that each token has for itself.
    init(_ claims: JSONObject) {
        var text = claims.serialized
        text.removeLast()
        text.append(UInt8(ascii: ","))
        self.init(beginning: text)
    }

    /// Claims that are all settled, as they were signed before: nothing follows them.
    init(whole payload: [UInt8]) {
        self.init(beginning: payload)
    }

    private init(beginning text: [UInt8]) {
        let whole = text.count / 3 * 3
        var encoded: [UInt8] = []
        encoded.reserveCapacity(whole / 3 * 4)
        Base64URL.append(text[..<whole], to: &encoded)
        self.text = text
        self.encoded = encoded
        rest = text[whole...]
    }

    /// Appends the payload's base64url: these claims and `tail` behind them.
    func append(followedBy tail: [UInt8], to compact: inout [UInt8]) {
        compact += encoded
        Base64URL.append((rest + tail)[...], to: &compact)
    }
}
