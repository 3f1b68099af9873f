import Foundation
import JOSE
import JobFile

/// A job's secrets, fetched before its command starts, and the logins that have to end after it.
struct JobSecrets: Sendable {
    /// The values in the order of the file.
    let values: [(definition: SecretDefinition, value: [UInt8])]
    private let logins: [VaultLogin]
    private let vault: VaultSettings?

    /// Fetches all or none; each of the job's tokens logs in once.
    static func fetch(_ definitions: [SecretDefinition], with answer: JSONObject) async throws -> JobSecrets {
        guard !definitions.isEmpty else { return JobSecrets(values: [], logins: [], vault: nil) }
        let settings = try VaultSettings(ProcessInfo.processInfo.environment)
        let connection = VaultConnection(settings)
        var logins: [ByteString: VaultLogin] = [:]
        do {
            var values: [(SecretDefinition, [UInt8])] = []
            for definition in definitions {
                values.append((definition, try await value(definition, answer, connection, &logins)))
            }
            return JobSecrets(values: values, logins: Array(logins.values), vault: settings)
        } catch {
            await end(Array(logins.values), settings)
            throw error
        }
    }

    /// Ends the logins as well as it can; what Vault has leased to them ends with them.
    func end() async {
        if let vault { await Self.end(logins, vault) }
    }

    private static func end(_ logins: [VaultLogin], _ settings: VaultSettings) async {
        for login in logins {
            // A login that stays ends by its own time to live, which Vault's role sets.
            try? await VaultConnection(settings).end(login)
        }
    }

    private static func value(
        _ definition: SecretDefinition,
        _ answer: JSONObject,
        _ connection: VaultConnection,
        _ logins: inout [ByteString: VaultLogin]
    ) async throws -> [UInt8] {
        do {
            let login = try await login(definition.token, answer, connection, &logins)
            let value = try await connection.read(definition.secret, login)
            guard definition.isFile || !value.contains(0) else {
                throw CommandFailure.failed("it holds a zero byte, which no variable can; use file: true")
            }
            return value
        } catch let failure as CommandFailure {
            throw CommandFailure(
                message: "the secret \(definition.name) was not fetched, so nothing was started: \(failure.message)",
                code: failure.code
            )
        }
    }

    private static func login(
        _ token: ByteString,
        _ answer: JSONObject,
        _ connection: VaultConnection,
        _ logins: inout [ByteString: VaultLogin]
    ) async throws -> VaultLogin {
        if let login = logins[token] { return login }
        guard let jwt = answer["id_tokens"]?.objectValue?[token]?.stringValue else {
            throw CommandFailure.failed("the issuer gave no token \(token)")
        }
        let login = try await connection.logIn(jwt)
        logins[token] = login
        return login
    }
}
