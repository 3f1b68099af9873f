import Foundation

/// The other processes of the machine, as far as the kernel lets us look into them: the parents first.
struct OtherProcesses {
    private static let memoryBudget = 2_147_483_648
    private let ids: [Int32]

    init() {
        let all = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        let parents = Self.parents()
        ids = parents + all.filter { $0 != getpid() && !parents.contains($0) }
    }

    /// Looks into all of them, and notes the places that they name.
    func examine(_ hints: inout Hints) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for id in ids {
            let folder = "/proc/\(id)/cwd/"
            let environment = Self.list("/proc/\(id)/environ")
            let arguments = Self.list("/proc/\(id)/cmdline")
            hints.take(environment: environment, relativeTo: folder)
            hints.take(arguments: arguments, relativeTo: folder)
            if environment.contains(where: { CredentialSearch.isFound(in: Array($0.utf8)) }) {
                findings.append(.reached(.processes, "the environment of process \(id) (\(Self.name(id))) holds one"))
            }
            if arguments.contains(where: { CredentialSearch.isFound(in: Array($0.utf8)) }) {
                findings.append(.reached(.processes, "an argument of process \(id) (\(Self.name(id))) is one"))
            }
            findings += Self.descriptors(id)
        }
        if findings.isEmpty {
            findings = [.ok(.processes, "\(ids.count) others: no credential in environments, arguments, descriptors")]
        }
        return findings + memory()
    }

    private static func descriptors(_ id: Int32) -> [DoctorFinding] {
        let folder = "/proc/\(id)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.prefix(512).compactMap { name in
            guard case .found = CredentialSearch.outcome(ofFile: folder + "/" + name) else { return nil }
            return .reached(.processes, "descriptor \(name) of process \(id) (\(self.name(id))) gives one")
        }
    }

    private func memory() -> [DoctorFinding] {
        var budget = Self.memoryBudget
        var readable = 0
        var findings: [DoctorFinding] = []
        for id in ids {
            guard let memory = ProcessMemory(id) else { continue }
            readable += 1
            if memory.holdsCredential(budget: &budget) {
                findings.append(.reached(.memory, "the memory of process \(id) (\(Self.name(id))) holds one"))
            }
        }
        guard findings.isEmpty else { return findings }
        let rest = budget > 0 ? "" : "; there was too much to read all of it"
        return [.ok(.memory, "\(readable) of \(ids.count) others let us read theirs: no credential in it\(rest)")]
    }

    // MARK: - /proc

    private static func parents() -> [Int32] {
        var parents: [Int32] = []
        var next = getppid()
        while next > 0, !parents.contains(next) {
            parents.append(next)
            next = parent(of: next)
        }
        return parents
    }

    private static func parent(of id: Int32) -> Int32 {
        let status = (try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }
        return line.flatMap { Int32($0.dropFirst(5).trimmingCharacters(in: .whitespaces)) } ?? 0
    }

    private static func name(_ id: Int32) -> String {
        let name = FileManager.default.contents(atPath: "/proc/\(id)/comm") ?? Data()
        return String(decoding: name, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    private static func list(_ path: String) -> [String] {
        let bytes = FileManager.default.contents(atPath: path) ?? Data()
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}
