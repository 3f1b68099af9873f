import JOSE
import Synchronization

/// The templates of the jobs that ask again and again: a bounded memory, in which nothing old can be found.
///
/// A template is known by its job and audiences, and good only for the revision of the job and the generation of the
/// policy that it was made for: with another of either it is made anew.
final class TokenTemplates: Sendable {
    struct Key: Hashable {
        let job: JobID
        /// The audiences in the order asked for, joined by spaces: none holds one.
        let audiences: ByteString
    }

    fileprivate struct Entry {
        let revision: Int64
        let generation: Int
        let template: TokenTemplate
    }

    /// Two halves: when the newer one is full it becomes the older one, and what was in that is forgotten.
    fileprivate struct Halves {
        var newer: [Key: Entry] = [:]
        var older: [Key: Entry] = [:]
    }

    /// Templates of 2 to 3 KB; at most twice as many are held.
    fileprivate static let half = 1024

    private let halves = Mutex(Halves())

    func template(_ key: Key, revision: Int64, generation: Int) -> TokenTemplate? {
        halves.withLock { halves in
            if let entry = halves.newer[key] { return entry.template(revision, generation) }
            guard let entry = halves.older[key], let template = entry.template(revision, generation) else { return nil }
            halves.remember(entry, for: key)
            return template
        }
    }

    func remember(_ template: TokenTemplate, for key: Key, revision: Int64, generation: Int) {
        let entry = Entry(revision: revision, generation: generation, template: template)
        halves.withLock { $0.remember(entry, for: key) }
    }
}

extension TokenTemplates.Entry {
    fileprivate func template(_ revision: Int64, _ generation: Int) -> TokenTemplate? {
        self.revision == revision && self.generation == generation ? template : nil
    }
}

extension TokenTemplates.Halves {
    fileprivate mutating func remember(_ entry: TokenTemplates.Entry, for key: TokenTemplates.Key) {
        if newer.count >= TokenTemplates.half, newer[key] == nil { (older, newer) = (newer, [:]) }
        newer[key] = entry
    }
}
