package import JOSE

/// `owner/name`, or `group/subgroup/name`: the owner is what stands before the first slash.
package struct RepositoryName: Hashable, Sendable {
    package let name: ByteString

    package init(_ name: ByteString) {
        self.name = name
    }

    package var owner: ByteString {
        ByteString(name.bytes.prefix { $0 != UInt8(ascii: "/") })
    }

    /// Everything after the first slash.
    package var path: ByteString {
        ByteString(name.bytes.drop { $0 != UInt8(ascii: "/") }.dropFirst())
    }

    /// At least two segments, none empty, none `.` or `..`.
    package var isWellFormed: Bool {
        let segments = name.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return segments.count >= 2
            && segments.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
    }
}
