package import JOSE
import Policy

/// The name-value pairs of a query or a form body (`application/x-www-form-urlencoded`), in order.
package struct FormParameters: Hashable, Sendable {
    package let pairs: [Pair]

    package struct Pair: Hashable, Sendable {
        package let name: ByteString
        package let value: ByteString
    }

    /// At most 32 pairs; empty pairs (`&&`) are passed over.
    package init(parsing text: some Collection<UInt8>) throws(Refusal) {
        var pairs: [Pair] = []
        for part in Array(text).split(separator: UInt8(ascii: "&")) {
            guard pairs.count < 32 else { throw Refusal(.tooMany) }
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            guard let name = PercentEncoding.decodedForm(part[..<(equals ?? part.endIndex)]),
                let value = PercentEncoding.decodedForm(equals.map { part[($0 + 1)...] } ?? [])
            else { throw Refusal(.malformedForm) }
            pairs.append(Pair(name: name, value: value))
        }
        self.pairs = pairs
    }

    package func values(_ name: ByteString) -> [ByteString] {
        pairs.filter { $0.name == name }.map(\.value)
    }

    /// The one value of `name`, nil where it is absent.
    package func single(_ name: ByteString) throws(Refusal) -> ByteString? {
        let found = values(name)
        guard found.count <= 1 else { throw Refusal(.repeatedParameter, name) }
        return found.first
    }

    package func refuseAllBut(_ known: Set<ByteString>) throws(Refusal) {
        if let pair = pairs.first(where: { !known.contains($0.name) }) { throw Refusal(.unknownParameter, pair.name) }
    }
}
