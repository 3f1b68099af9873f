import Issuer
import JOSE

/// Which addresses anybody on the internet has: those that a document from outside may send us to.
enum PublicAddress {
    /// False for loopback, private, link-local, multicast, documentation and reserved networks (RFC 6890), and for IPv6
    /// addresses that lead to such an IPv4 address.
    static func contains(_ address: NetworkAddress) -> Bool {
        if address.bytes.count == 4 { return !special.contains { $0.contains(address) } }
        if translated.contains(where: { $0.contains(address) }) {
            return NetworkAddress(bytes: Array(address.bytes.suffix(4))).map(contains) ?? false
        }
        return global.contains { $0.contains(address) } && !special.contains { $0.contains(address) }
    }

    /// Of IPv6 only this is given out (RFC 4291 §2.4, IANA).
    static let global = ranges(["2000::/3"])

    /// IPv4 addresses behind a translator (RFC 6052 §2.1).
    static let translated = ranges(["64:ff9b::/96"])

    static let specialTexts = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ]
    static let special = ranges(specialTexts)

    private static func ranges(_ texts: [String]) -> [AddressRange] {
        texts.compactMap { try? AddressRange(.init($0)) }
    }
}
