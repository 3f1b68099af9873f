import JOSE

/// One segment of a path template: fixed text, or one attribute with fixed text around it.
struct PathSegment: Hashable {
    let attribute: WorkloadAttribute?
    /// All of the segment where there is no attribute.
    private let prefix: ByteString
    private let suffix: ByteString

    static let reservedName: ByteString = "spire"
    static let reserved = PathSegment(fixed: reservedName)

    private init(fixed text: ByteString) {
        attribute = nil
        prefix = text
        suffix = ""
    }

    init(_ parts: [TemplateText.Part]) throws(TemplateProblem) {
        var attribute: WorkloadAttribute?
        var texts: [ByteString] = ["", ""]
        for part in parts {
            switch part {
            case .attribute(let named):
                guard attribute == nil else { throw .twoInSegment }
                attribute = named
            case .literal(let text):
                guard text.bytes.allSatisfy(Self.isAllowed) else { throw .literalInvalid }
                texts[attribute == nil ? 0 : 1] = text
            }
        }
        guard !parts.isEmpty else { throw .segmentEmpty }
        if attribute == nil, texts[0] == "." || texts[0] == ".." { throw .segmentIsDots }
        self.attribute = attribute
        prefix = texts[0]
        suffix = texts[1]
    }

    func rendered(for attributes: WorkloadAttributes) throws(SVIDRefusal) -> ByteString {
        guard let attribute else { return prefix }
        return prefix + Self.escaped(try attributes.required(attribute)) + suffix
    }

    /// A value that is not empty, as part of one segment: a byte outside `[A-Za-z0-9.-]` is `_` and two upper-case
    /// hexadecimal digits; so are the dots of `.` and `..`.
    static func escaped(_ value: ByteString) -> ByteString {
        let isDots = value == "." || value == ".."
        var bytes: [UInt8] = []
        bytes.reserveCapacity(value.count)
        for byte in value.bytes {
            if !isDots, byte != UInt8(ascii: "_"), isAllowed(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "_"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return ByteString(bytes)
    }

    /// Whether both could be the same text, for workloads of two different issuers.
    func canMeet(_ other: PathSegment) -> Bool {
        switch (attribute, other.attribute) {
        case (nil, nil): return prefix == other.prefix
        case (nil, .some): return other.canBe(prefix)
        case (.some, nil): return canBe(other.prefix)
        case (.some, .some):
            if attribute == .issuer, self == other { return false }
            return Self.isOneHead(prefix.bytes, other.prefix.bytes)
                && Self.isOneHead(suffix.bytes.reversed(), other.suffix.bytes.reversed())
        }
    }

    private func canBe(_ text: ByteString) -> Bool {
        text.count > prefix.count + suffix.count && text.hasPrefix(prefix) && text.hasSuffix(suffix)
    }

    private static func isOneHead(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.starts(with: other) || other.starts(with: one)
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
