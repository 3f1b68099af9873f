import JOSE
import Testing

@testable import CLI

/// Small readers of what others wrote.
@Suite struct HelperTextsTests {
    @Test func `PEM has lines of sixty-four and says what is in it`() {
        let text = String(decoding: PEMText.certificates([Array(repeating: 0, count: 49)]), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.map(\.utf8.count) == [27, 64, 4, 25, 0])
        #expect(
            String(decoding: PEMText.privateKey([1]), as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----\nAQ==\n")
        )
    }

    @Test(arguments: [("7", 7), ("123\n", 123), (" 9 \n", 9)])
    func `a file of a process has its number`(text: String, pid: Int32) {
        #expect(PIDFile.pid(Array(text.utf8)) == pid)
    }

    /// 0 and what is negative would be groups of processes (kill(2)).
    @Test(arguments: ["", "0", "-1", "1 2", "0x1", "99999999999", "+1", "a"])
    func `what is not one process is none`(text: String) {
        #expect(PIDFile.pid(Array(text.utf8)) == nil)
    }

    @Test func `a text of another's does nothing to a terminal`() {
        #expect(ByteString("\u{1B}[31mred\r\nline\u{202E}").shownPlainly == " [31mred  line ")
        #expect(ByteString(String(repeating: "a", count: 1000)).shownPlainly.utf8.count == 300)
    }

    @Test func `signals are known by their names alone`() {
        #expect(SignalName("SIGHUP")?.number == 1)
        #expect(SignalName("HUP") == nil && SignalName("1") == nil)
    }
}
