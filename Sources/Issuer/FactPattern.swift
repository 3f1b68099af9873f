package import JOSE
package import Policy

/// A value of a fact, or many, by the patterns of the policy: `*` stands for any bytes but `/`, `**` for any bytes.
package struct FactPattern: Hashable, Sendable {
    private let pattern: Pattern

    package init(_ text: ByteString, for name: FactName) throws(Refusal) {
        guard (1...name.maximumLength).contains(text.count), text.bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Refusal(.factInvalid, name)
        }
        pattern = Pattern(text)
    }

    package var text: ByteString {
        pattern.text
    }

    package func matches(_ value: ByteString) -> Bool {
        pattern.matches(value)
    }
}
