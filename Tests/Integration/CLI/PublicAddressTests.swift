import Issuer
import JOSE
import Testing

@testable import CLI

@Suite struct PublicAddressTests {
    @Test(arguments: [
        ("8.8.8.8", true), ("1.1.1.1", true), ("172.32.0.1", true), ("100.128.0.1", true), ("2606:4700::1111", true),
        ("64:ff9b::808:808", true), ("127.0.0.1", false), ("127.255.255.255", false), ("10.1.2.3", false),
        ("172.16.0.1", false), ("172.31.255.255", false), ("192.168.1.1", false), ("169.254.169.254", false),
        ("100.64.0.1", false), ("0.0.0.0", false), ("224.0.0.1", false), ("255.255.255.255", false),
        ("198.18.0.1", false), ("::1", false), ("::", false), ("::ffff:127.0.0.1", false), ("::ffff:8.8.8.8", true),
        ("::127.0.0.1", false), ("fe80::1", false), ("fc00::1", false), ("fd00:ec2::254", false), ("ff02::1", false),
        ("2001:db8::1", false), ("2002:7f00:1::", false), ("2001::1", false), ("64:ff9b::a00:1", false),
        ("64:ff9b::7f00:1", false), ("64:ff9b:1::1", false), ("fec0::1", false),
    ])
    func `only what anybody has is public`(_ text: String, _ isPublic: Bool) throws {
        let address = try #require(NetworkAddress(ByteString(text)))
        #expect(PublicAddress.contains(address) == isPublic)
    }

    @Test func `no network of the list is misspelt`() {
        #expect(PublicAddress.special.count == PublicAddress.specialTexts.count)
        #expect(PublicAddress.global.count == 1 && PublicAddress.translated.count == 1)
    }
}
