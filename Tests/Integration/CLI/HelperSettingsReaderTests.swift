import JOSE
import Testing

@testable import CLI

/// spiffe-helper's keys in YAML.
@Suite struct HelperSettingsReaderTests {
    private func reader(_ text: String) throws -> HelperSettingsReader {
        HelperSettingsReader(try YAMLDocument(text).value)
    }

    private let files = """
        cert_dir: /run/svid
        svid_file_name: svid.pem
        svid_key_file_name: svid.key
        svid_bundle_file_name: bundle.pem

        """

    @Test func `without more the defaults are spiffe-helper's`() throws {
        let reader = try reader(files)
        #expect(reader.problems.isEmpty)
        let settings = reader.settings
        #expect(settings.isDaemon && !settings.omitsExpired && settings.hint.isEmpty && settings.healthChecks == nil)
        #expect(
            [settings.certificateMode.bits, settings.keyMode.bits, settings.jwtMode.bits] == [0o644, 0o600, 0o600]
        )
    }

    @Test func `every key is understood`() throws {
        let reader = try reader(
            files + """
                agent_address: unix:///run/api.sock
                identity_exchange_token_file: /run/job.token
                cmd: nginx
                cmd_args: -g "daemon off;"
                pid_file_name: /run/nginx.pid
                renew_signal: SIGHUP
                daemon_mode: false
                jwt_svids:
                  - {jwt_audience: a, jwt_extra_audiences: [b, c], jwt_svid_file_name: a.jwt}
                jwt_bundle_file_name: jwks.json
                add_intermediates_to_bundle: true
                include_federated_domains: true
                omit_expired: true
                hint: main
                cert_file_mode: 0444
                key_file_mode: 0640
                jwt_bundle_file_mode: 0
                jwt_svid_file_mode: "0400"
                health_checks: {listener_enabled: true, bind_port: 9000, liveness_path: /l, readiness_path: /r}
                """
        )
        #expect(reader.problems.isEmpty)
        let settings = reader.settings
        #expect(settings.command == ["nginx", "-g", "daemon off;"])
        #expect(settings.jwtFiles == [.init(audiences: ["a", "b", "c"], name: "a.jwt")])
        #expect(settings.jwtNames == ["a.jwt", "jwks.json"])
        #expect(settings.x509 == .init(chain: "svid.pem", key: "svid.key", bundle: "bundle.pem"))
        #expect([settings.certificateMode, settings.keyMode, settings.jwtMode].map(\.bits) == [0o444, 0o640, 0o400])
        #expect(settings.jwtBundleMode.bits == 0o600)
        #expect(settings.healthChecks?.port == 9000 && settings.healthChecks?.address == "127.0.0.1")
        #expect(!settings.isDaemon)
    }

    @Test func `all that is wrong is said, not the first`() throws {
        let reader = try reader("svid_file_name: a\nfoo: 1\nrenew_signal: HUP\nkey_file_mode: 600\n")
        #expect(
            Set(reader.problems.map(\.key)) == [
                "foo", "cert_dir", "renew_signal", "svid_key_file_name", "svid_bundle_file_name", "key_file_mode",
            ]
        )
    }

    @Test(arguments: ["- a", "a", ""]) func `what is no mapping is refused`(text: String) throws {
        #expect(try !reader(text).problems.isEmpty)
    }

    @Test(arguments: ["a/b", "..svid", ".", "/etc/passwd"])
    func `a name leads nowhere else`(name: String) throws {
        #expect(
            try reader("cert_dir: /d\njwt_bundle_file_name: \(name)\n").problems.map(\.key) == ["jwt_bundle_file_name"]
        )
    }

    @Test(arguments: ["600", "-1", "0666", "0622", "0o600", "01644", "0200", "08", "rw"])
    func `a mode is octal, and nobody else writes`(text: String) {
        #expect(FileMode(text) == nil)
    }
}
