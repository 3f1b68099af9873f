import Testing

@testable import Server

@Suite struct ListenAddressTests {
    @Test func `a host and a port are an address`() {
        #expect(ListenAddress(hostAndPort: "127.0.0.1:8080") == .tcp(host: "127.0.0.1", port: 8080))
        #expect(ListenAddress(hostAndPort: "[::1]:80") == .tcp(host: "::1", port: 80))
        #expect(ListenAddress(hostAndPort: "localhost:0") == .tcp(host: "localhost", port: 0))
    }

    @Test(arguments: ["", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x"])
    func `anything else is none`(text: String) {
        #expect(ListenAddress(hostAndPort: text) == nil)
    }
}
