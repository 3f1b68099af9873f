// Addresses and networks (RFC 4291 §2.2, RFC 4632 §3.1).

import Issuer
import JOSE
import TestSupport
import Testing

@Suite struct NetworkAddressTests {
    @Test(
        arguments: [
            ("192.0.2.1", [192, 0, 2, 1]), ("0.0.0.0", [0, 0, 0, 0]), ("255.255.255.255", [255, 255, 255, 255]),
            ("::", [UInt8](repeating: 0, count: 16)), ("::1", [UInt8](repeating: 0, count: 15) + [1]),
            ("2001:DB8::8:800:200c:417A", [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0xC, 0x41, 0x7A]),
            ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
            ("1:2:3:4:5:6:7::", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]),
            ("64:ff9b::192.0.2.33", [0, 0x64, 0xFF, 0x9B] + [UInt8](repeating: 0, count: 8) + [192, 0, 2, 33]),
            // RFC 4291 §2.5.5.2: the same host as without IPv6.
            ("::ffff:10.2.3.4", [10, 2, 3, 4]), ("::FFFF:a02:304", [10, 2, 3, 4]),
        ] as [(ByteString, [UInt8])]
    )
    func `an address is read`(text: ByteString, bytes: [UInt8]) throws {
        #expect(try #require(NetworkAddress(text)).bytes == bytes)
    }

    @Test(
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.", "1..2.3", " 1.2.3.4", "1.2.3.4 ",
            "0x1.2.3.4",
            "+1.2.3.4", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "12345::", "g::", "::1%eth0", "[::1]", "::1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "+1::", "1:-2::",
            "１.2.3.4",
        ] as [ByteString]
    )
    func `what is no address is none`(text: ByteString) {
        #expect(NetworkAddress(text) == nil)
    }

    @Test func `an address and its text are the same`() throws {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<1000 {
            let count = Bool.random(using: &random) ? 4 : 16
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let address = try #require(NetworkAddress(bytes: bytes))
            #expect(NetworkAddress(address.text) == address)
        }
    }

    @Test(
        arguments: [
            ("10.2.0.0/16", "10.2.255.255", true), ("10.2.0.0/16", "10.3.0.0", false),
            ("10.2.0.0/15", "10.3.0.0", true), ("10.2.3.4", "10.2.3.4", true), ("10.2.3.4", "10.2.3.5", false),
            ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false), ("::/0", "203.0.113.9", false),
            ("::/0", "2001:db8::1", true), ("2001:db8::/33", "2001:db8:7fff::", true),
            ("2001:db8::/33", "2001:db8:8000::", false), ("::1", "::1", true), ("::1", "::2", false),
            ("10.2.0.0/16", "::ffff:10.2.3.4", true), ("::ffff:10.2.0.0/112", "10.2.3.4", true),
            ("::ffff:10.2.0.0/112", "10.3.3.4", false), ("::ffff:0:0/96", "10.3.3.4", true),
        ] as [(ByteString, ByteString, Bool)]
    )
    func `a network holds its addresses`(network: ByteString, address: ByteString, isIn: Bool) throws {
        #expect(try AddressRange(network).contains(#require(NetworkAddress(address))) == isIn)
    }

    @Test(
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8",
            // Bits beyond the prefix: 10.2.3.4/32 was meant, or 10.2.0.0/16.
            "10.2.3.4/16", "2001:db8::1/64", "::/129", "::ffff:0:0/95", "10.2/16", "host.example", "*",
        ] as [ByteString]
    )
    func `what is no network is refused`(text: ByteString) {
        #expect(throws: Refusal(.sourceInvalid, text)) { try AddressRange(text) }
    }

    @Test func `a network agrees with its bits`() throws {
        var random = SeededGenerator(seed: 12)
        for _ in 0..<1000 {
            let length = Int.random(in: 0...32, using: &random)
            let bits = UInt32.random(in: .min ... .max, using: &random)
            let mask = length == 0 ? 0 : UInt32.max << UInt32(32 - length)
            let other = Bool.random(using: &random) ? bits ^ (1 << UInt32.random(in: 0..<32, using: &random)) : bits
            let range = try AddressRange(Self.text(bits & mask) + "/" + ByteString(String(length)))
            #expect(range.text == Self.text(bits & mask) + "/" + ByteString(String(length)))
            #expect(try range.contains(#require(NetworkAddress(Self.text(other)))) == (other & mask == bits & mask))
        }
    }

    private static func text(_ bits: UInt32) -> ByteString {
        ByteString([24, 16, 8, 0].map { String(bits >> UInt32($0) & 0xFF) }.joined(separator: "."))
    }
}
