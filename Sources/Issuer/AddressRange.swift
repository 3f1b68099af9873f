package import JOSE

/// A network of IP addresses in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3), or one address.
package struct AddressRange: Hashable, Sendable {
    private let network: NetworkAddress
    /// How many leading bits are the network's.
    private let prefixLength: Int

    /// Reads `10.2.0.0/16`, `2001:db8::/32` or a single address.
    ///
    /// Bits beyond the prefix are an error: who wrote them meant something else. A network of IPv4-mapped addresses is
    /// that of the IPv4 addresses.
    package init(_ text: ByteString) throws(Refusal) {
        let parts = text.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let written = NetworkAddress.bytes(of: ByteString(parts[0])),
            let network = NetworkAddress(bytes: written)
        else { throw Refusal(.sourceInvalid, text) }
        let length = parts.count == 1 ? written.count * 8 : Self.number(parts[1])
        // ::ffff:0:0/96 and what is in it.
        let mapped = (written.count - network.bytes.count) * 8
        guard let length, (mapped...written.count * 8).contains(length) else { throw Refusal(.sourceInvalid, text) }
        self.network = network
        prefixLength = length - mapped
        guard Self.masked(network.bytes, to: prefixLength) == network.bytes else { throw Refusal(.sourceInvalid, text) }
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        address.bytes.count == network.bytes.count && Self.masked(address.bytes, to: prefixLength) == network.bytes
    }

    package var text: ByteString {
        network.text + "/" + ByteString(String(prefixLength))
    }

    private static func number(_ text: ArraySlice<UInt8>) -> Int? {
        guard (1...3).contains(text.count), text.count == 1 || text.first != UInt8(ascii: "0"),
            text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(String(decoding: text, as: UTF8.self))
    }

    /// The bytes with every bit beyond `length` cleared.
    private static func masked(_ bytes: [UInt8], to length: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let kept = min(max(length - index * 8, 0), 8)
            return byte & ~(UInt8.max >> UInt8(kept))
        }
    }
}
