import Foundation

/// The mode of a file, in octal as chmod takes it: `0640`.
struct FileMode: Hashable, Sendable {
    let bits: mode_t

    init(_ bits: mode_t) {
        self.bits = bits
    }

    /// Takes octal with a leading 0, as `0640`, where others than the owner may not write; nil for anything else.
    ///
    /// `0` alone stands for the default, which is not said here.
    init?(_ text: String) {
        guard text.hasPrefix("0"), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            (3...5).contains(text.utf8.count),
            let bits = mode_t(text, radix: 8), bits & ~0o777 == 0, bits & 0o022 == 0, bits & 0o400 != 0
        else { return nil }
        self.bits = bits
    }
}
