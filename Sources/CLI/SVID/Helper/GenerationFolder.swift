import Foundation

/// Files that belong together, in a folder that holds one generation of them and then another, never a mix.
///
/// Each generation is a folder of its own; `..svid` is a link to the present one, and the plain names are links through it,
/// so that one rename changes them all, and a process killed at any point leaves the old or the new. The last generation
/// but one is kept for readers that are still at it.
struct GenerationFolder: Sendable {
    let folder: SafeOutputFolder

    private static let link = "..svid"
    private static let prefix = "..svid."

    func write(_ files: [SafeOutputFolder.File]) throws {
        let previous = target(of: Self.link)
        let generation = Self.prefix + String(UInt64.random(in: 0...(.max)), radix: 16)
        do {
            try fill(generation, with: files)
            try point(Self.link, at: generation)
        } catch {
            remove(generation)
            throw error
        }
        for file in files { try point(file.name, at: "\(Self.link)/\(file.name)") }
        fsync(folder.descriptor)
        for old in generations() where old != generation && old != previous { remove(old) }
    }

    private func fill(_ generation: String, with files: [SafeOutputFolder.File]) throws {
        guard mkdirat(folder.descriptor, generation, 0o700) == 0 else {
            throw SafeOutputFolder.failure(shown(generation))
        }
        let descriptor = openat(folder.descriptor, generation, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw SafeOutputFolder.failure(shown(generation)) }
        defer { close(descriptor) }
        for file in files { try SafeOutputFolder.create(file.name, file, in: descriptor, shownAs: shown(file.name)) }
        // Who may read the files is said by their modes and the folder's above.
        guard fchmod(descriptor, 0o755) == 0, fsync(descriptor) == 0 else {
            throw SafeOutputFolder.failure(shown(generation))
        }
    }

    /// Puts a link in the place of whatever has the name, unless it is there.
    private func point(_ name: String, at target: String) throws {
        guard self.target(of: name) != target else { return }
        let draft = "\(Self.prefix)link.\(getpid()).new"
        unlinkat(folder.descriptor, draft, 0)
        guard symlinkat(target, folder.descriptor, draft) == 0,
            renameat(folder.descriptor, draft, folder.descriptor, name) == 0
        else {
            let failure = SafeOutputFolder.failure(shown(name))
            unlinkat(folder.descriptor, draft, 0)
            throw failure
        }
    }

    /// Where a link leads; nil where there is none.
    private func target(of name: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 512)
        let count = readlinkat(folder.descriptor, name, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    private func generations() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.resolved)) ?? []
        return names.filter { $0.hasPrefix(Self.prefix) && !$0.hasSuffix(".new") }
    }

    private func remove(_ generation: String) {
        try? FileManager.default.removeItem(atPath: "\(folder.resolved)/\(generation)")
    }

    private func shown(_ name: String) -> String {
        "\(folder.path)/\(name)"
    }
}
