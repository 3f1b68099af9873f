import Foundation
import JOSE
import JobFile

/// Everything a job's command is given: variables, and files that go when it ends.
struct JobPreparation: Sendable {
    let job: WrappedJob
    let secrets: JobSecrets
    let tokenFiles: TokenFileOptions
    let user: JobUser?

    /// Runs the command in what was prepared, and clears it away.
    func run(_ command: [String], as child: ChildProcess) async throws -> Int32 {
        let files = tokenFiles.files
        try refuseDoubles(files)
        guard !files.isEmpty || secrets.values.contains(where: \.definition.isFile) else {
            return try await run(command, as: child, in: environment(nil), [])
        }
        let folder = try JobFolder(for: user)
        defer { folder.remove() }
        let renewals = try renewals(files, folder)
        let first = try await child.preparing { try await Self.renew(renewals) }
        var environment = try environment(folder)
        try setTokenFiles(first, folder, &environment)
        return try await run(command, as: child, in: environment, first)
    }

    private func run(
        _ command: [String],
        as child: ChildProcess,
        in environment: JobEnvironment,
        _ tokens: [(TokenRenewal, TokenRenewal.Fresh)]
    ) async throws -> Int32 {
        let keepers = tokens.map { renewal, fresh in Task { await renewal.keep(fresh) } }
        defer { for keeper in keepers { keeper.cancel() } }
        return try await child.run(
            ChildCommand(
                arguments: command,
                environment: environment.strings,
                searchPath: environment.searchPath,
                user: user.map { ($0.uid, $0.gid, $0.groups) },
                leadsGroup: child.leadsGroup
            )
        )
    }

    /// One variable cannot mean two things, nor one file.
    private func refuseDoubles(_ files: [TokenFile]) throws {
        let given = try job.answer.safeEnvironment().map(\.0) + secrets.values.map(\.definition.name.string)
        if let double = files.first(where: { given.contains($0.variable) }) {
            throw CommandFailure.wrongUsage("\(double.variable) is a token or secret of the job already")
        }
    }

    private func environment(_ folder: JobFolder?) throws -> JobEnvironment {
        var environment = JobEnvironment(inherited: JobEnvironment.own)
        if let user { environment.set(user) }
        for (name, value) in try job.answer.safeEnvironment() { environment.set(name, value) }
        for (definition, value) in secrets.values {
            if definition.isFile, let folder {
                environment.set(definition.name.string, try folder.write(value, as: definition.name.string))
            } else {
                environment.set(definition.name.string, value)
            }
        }
        return environment
    }

    private func renewals(_ files: [TokenFile], _ folder: JobFolder) throws -> [TokenRenewal] {
        guard !files.isEmpty else { return [] }
        let given = job.answer["id_token_request"]?.objectValue
        guard let url = given?["url"]?.stringValue, let token = given?["token"]?.stringValue,
            let request = RequestTokenConnection(url: url.string, requestToken: token.string)
        else {
            throw CommandFailure.failed(
                "token files are renewed with the job's request token, and it has none: it needs id-token: write"
            )
        }
        return files.map { TokenRenewal(file: $0, folder: folder, request: request) }
    }

    private static func renew(_ renewals: [TokenRenewal]) async throws -> [(TokenRenewal, TokenRenewal.Fresh)] {
        var tokens: [(TokenRenewal, TokenRenewal.Fresh)] = []
        for renewal in renewals { tokens.append((renewal, try await renewal.renew())) }
        return tokens
    }

    private func setTokenFiles(
        _ tokens: [(TokenRenewal, TokenRenewal.Fresh)],
        _ folder: JobFolder,
        _ environment: inout JobEnvironment
    ) throws {
        for (renewal, fresh) in tokens {
            let variable = renewal.file.variable
            environment.set(variable, folder.path(of: variable))
            if variable == TokenFile.sigstoreVariable { environment.set("SIGSTORE_ID_TOKEN", fresh.token) }
        }
        if let google = tokenFiles.google {
            let document = google.document(tokenFile: folder.path(of: GoogleCredentials.tokenVariable))
            environment.set(
                GoogleCredentials.variable,
                try folder.write(document, as: GoogleCredentials.variable)
            )
        }
    }
}
