import JOSE

/// Reads spiffe-helper's keys from YAML, and finds all that is wrong with them, not the first.
struct HelperSettingsReader {
    /// What is wrong, and with which key: `jwt_svids[0].jwt_audience`.
    struct Problem: Error, Hashable {
        let key: String
        let explanation: String
    }

    private(set) var settings = HelperSettings()
    private(set) var problems: [Problem] = []
    private var given: [String: JSONValue] = [:]

    init(_ value: JSONValue) {
        guard let top = value.objectValue else {
            problems = [Problem(key: "", explanation: "must be keys and values, as cert_dir: /run/svid")]
            return
        }
        for member in top.members { given[member.name.string] = member.value }
        refuseUnknown(top, known: Self.keys, in: "")
        readFolder()
        readAudience()
        readX509()
        readJWT()
        readModes()
        readHealthChecks()
        checkTogether()
    }

    static let keys: Set<String> = [
        "agent_address", "identity_exchange_token_file", "cmd", "cmd_args", "pid_file_name", "renew_signal", "cert_dir",
        "daemon_mode", "svid_file_name", "svid_key_file_name", "svid_bundle_file_name", "jwt_svids",
        "jwt_bundle_file_name", "add_intermediates_to_bundle", "include_federated_domains", "omit_expired", "hint",
        "cert_file_mode", "key_file_mode", "jwt_bundle_file_mode", "jwt_svid_file_mode", "health_checks",
    ]
    private static let keysOfJWT: Set<String> = ["jwt_audience", "jwt_extra_audiences", "jwt_svid_file_name"]
    private static let keysOfHealth: Set<String> = [
        "listener_enabled", "bind_address", "bind_port", "liveness_path", "readiness_path",
    ]

    // MARK: - Sections

    private mutating func readFolder() {
        settings.agentAddress = text("agent_address")
        settings.evidenceFile = text("identity_exchange_token_file")
        settings.folder = text("cert_dir") ?? ""
        if settings.folder.isEmpty { refuse("cert_dir", "must say which folder the files go to") }
        settings.isDaemon = truth(given["daemon_mode"], "daemon_mode") ?? true
        settings.hint = text("hint") ?? ""
    }

    /// Who is told of renewals.
    private mutating func readAudience() {
        if let command = text("cmd") { settings.command = [command] }
        if let line = text("cmd_args") {
            do throws(CommandArguments.Fault) {
                settings.command += try CommandArguments.split(line)
            } catch {
                refuse(
                    "cmd_args",
                    "has a double quote out of place; quote a whole argument, and write \"\" for a quote"
                )
            }
            if text("cmd") == nil { refuse("cmd_args", "is for cmd, which is not given") }
        }
        settings.pidFile = text("pid_file_name")
        if let name = text("renew_signal") {
            settings.renewSignal = SignalName(name)
            if settings.renewSignal == nil { refuse("renew_signal", "must be one of \(SignalName.known)") }
        } else if settings.pidFile != nil {
            refuse("pid_file_name", "needs renew_signal, the signal to send to that process")
        }
    }

    private mutating func readX509() {
        settings.addsIntermediatesToBundle =
            truth(given["add_intermediates_to_bundle"], "add_intermediates_to_bundle") ?? false
        settings.includesFederatedDomains =
            truth(given["include_federated_domains"], "include_federated_domains") ?? false
        settings.omitsExpired = truth(given["omit_expired"], "omit_expired") ?? false
        let keys = ["svid_file_name", "svid_key_file_name", "svid_bundle_file_name"]
        let names = keys.map { name(given[$0], $0) }
        if let chain = names[0], let key = names[1], let bundle = names[2] {
            settings.x509 = HelperSettings.X509Files(chain: chain, key: key, bundle: bundle)
        } else if keys.contains(where: { given[$0] != nil }) {
            for (key, name) in zip(keys, names) where name == nil && given[key] == nil {
                refuse(key, "is missing: the three files of an X.509-SVID go together")
            }
        }
    }

    private mutating func readJWT() {
        settings.jwtBundle = name(given["jwt_bundle_file_name"], "jwt_bundle_file_name")
        guard let list = given["jwt_svids"] else { return }
        guard let entries = list.arrayValue else { return refuse("jwt_svids", "must be a list") }
        for (index, entry) in entries.enumerated() { readJWT(entry, "jwt_svids[\(index)]") }
    }

    private mutating func readJWT(_ entry: JSONValue, _ path: String) {
        guard let object = entry.objectValue else { return refuse(path, "must be keys and values") }
        refuseUnknown(object, known: Self.keysOfJWT, in: path + ".")
        let audience = text(object["jwt_audience"], "\(path).jwt_audience")
        if audience == nil { refuse("\(path).jwt_audience", "must name the audience") }
        let file = name(object["jwt_svid_file_name"], "\(path).jwt_svid_file_name")
        if file == nil, object["jwt_svid_file_name"] == nil {
            refuse("\(path).jwt_svid_file_name", "must name the file")
        }
        let extra = audiences(object["jwt_extra_audiences"], "\(path).jwt_extra_audiences")
        guard let audience, let file else { return }
        settings.jwtFiles.append(HelperSettings.JWTFile(audiences: [audience] + extra, name: file))
    }

    private mutating func audiences(_ value: JSONValue?, _ key: String) -> [String] {
        guard let value, value != .null else { return [] }
        let texts = value.arrayValue.map { $0.compactMap(\.stringValue?.string) } ?? []
        guard let list = value.arrayValue, texts.count == list.count, !texts.contains("") else {
            refuse(key, "must be a list of audiences")
            return []
        }
        return texts
    }

    private mutating func readModes() {
        settings.certificateMode = mode("cert_file_mode") ?? settings.certificateMode
        settings.keyMode = mode("key_file_mode") ?? settings.keyMode
        settings.jwtBundleMode = mode("jwt_bundle_file_mode") ?? settings.jwtBundleMode
        settings.jwtMode = mode("jwt_svid_file_mode") ?? settings.jwtMode
    }

    private mutating func readHealthChecks() {
        guard let value = given["health_checks"], value != .null else { return }
        guard let object = value.objectValue else { return refuse("health_checks", "must be keys and values") }
        refuseUnknown(object, known: Self.keysOfHealth, in: "health_checks.")
        var checks = HelperSettings.HealthChecks()
        checks.address = text(object["bind_address"], "health_checks.bind_address") ?? checks.address
        checks.livenessPath = path(object["liveness_path"], "health_checks.liveness_path") ?? checks.livenessPath
        checks.readinessPath = path(object["readiness_path"], "health_checks.readiness_path") ?? checks.readinessPath
        if let port = text(object["bind_port"], "health_checks.bind_port") {
            if let number = UInt16(port), number > 0 {
                checks.port = Int(number)
            } else {
                refuse("health_checks.bind_port", "must be a port, 1 to 65535")
            }
        }
        let isEnabled = truth(object["listener_enabled"], "health_checks.listener_enabled") ?? false
        settings.healthChecks = isEnabled ? checks : nil
    }

    /// What no key is wrong about by itself.
    private mutating func checkTogether() {
        let asked = [
            "svid_file_name", "svid_key_file_name", "svid_bundle_file_name", "jwt_svids", "jwt_bundle_file_name",
        ]
        if settings.x509 == nil, settings.jwtNames.isEmpty,
            !problems.contains(where: { problem in asked.contains { problem.key.hasPrefix($0) } })
        {
            refuse(
                "",
                "asks for nothing: give svid_file_name with its two companions, jwt_svids or jwt_bundle_file_name"
            )
        }
        let names = (settings.x509.map { [$0.chain, $0.key, $0.bundle] } ?? []) + settings.jwtNames
        for name in Set(names) where names.count(where: { $0 == name }) > 1 {
            refuse("", "gives two things the one file \(name)")
        }
    }

    // MARK: - Values

    private mutating func refuse(_ key: String, _ explanation: String) {
        problems.append(Problem(key: key, explanation: explanation))
    }

    private mutating func refuseUnknown(_ object: JSONObject, known: Set<String>, in path: String) {
        for member in object.members where !known.contains(member.name.string) {
            refuse(path + member.name.string, "is not a known key; check its spelling")
        }
    }

    private mutating func text(_ key: String) -> String? {
        text(given[key], key)
    }

    /// One value; nil where it is absent or empty.
    private mutating func text(_ value: JSONValue?, _ key: String) -> String? {
        guard let value, value != .null else { return nil }
        guard let text = value.stringValue?.string else {
            refuse(key, "must be a single value")
            return nil
        }
        return text.isEmpty ? nil : text
    }

    private mutating func truth(_ value: JSONValue?, _ key: String) -> Bool? {
        guard let text = text(value, key) else { return nil }
        if let truth = Bool(text) { return truth }
        refuse(key, "must be true or false")
        return nil
    }

    /// The name of a file in the folder.
    private mutating func name(_ value: JSONValue?, _ key: String) -> String? {
        guard let text = text(value, key) else { return nil }
        guard !text.contains("/"), !text.hasPrefix(".."), text != ".", text.utf8.count <= 200, !text.utf8.contains(0)
        else {
            refuse(key, "must be the name of a file in cert_dir, without a folder")
            return nil
        }
        return text
    }

    private mutating func path(_ value: JSONValue?, _ key: String) -> String? {
        guard let text = text(value, key) else { return nil }
        if text.hasPrefix("/") { return text }
        refuse(key, "must begin with /")
        return nil
    }

    /// A mode that was asked for; nil for the default.
    private mutating func mode(_ key: String) -> FileMode? {
        guard let text = text(key), text != "0" else { return nil }
        if let mode = FileMode(text) { return mode }
        refuse(key, "must be octal with a leading 0, as 0640, readable by its owner and writable by nobody else")
        return nil
    }
}
