// Pins: a name keeps its ids, an id its name (CONTRACT "The first registration pins…"; threats B06, B08, B10).

import Issuer
import JOSE
import Keys
import Storage
import Testing

@Suite(.eachStore) struct RepositoryStoreTests {
    private func outcome(
        _ temporary: TemporaryStore,
        _ name: ByteString,
        id: ByteString? = nil,
        owner: ByteString? = nil
    ) async throws -> RegistrationOutcome {
        var facts: [(ByteString, JSONValue)] = [("repository", .string(name))]
        if let id { facts.append(("repository_id", .string(id))) }
        if let owner { facts.append(("repository_owner_id", .string(owner))) }
        return try await temporary.store.register(temporary.job(facts: facts), permits: [])
    }

    @Test func `the first registration pins, the same ids are accepted again`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await outcome(temporary, "acme/w", id: "42", owner: "7") == .registered)
        #expect(try await outcome(temporary, "acme/w", id: "42", owner: "7") == .registered)
        let pin = PinnedRepository(name: "acme/w", id: "42", ownerID: "7", pinnedAt: time(1000))
        #expect(try await temporary.store.pinnedRepositories() == [pin])
        #expect(try await temporary.reopened().pinnedRepositories() == [pin])
    }

    @Test func `a repository without an id is not pinned`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await outcome(temporary, "acme/w") == .registered)
        #expect(try await temporary.store.pinnedRepositories().isEmpty)
        #expect(try await outcome(temporary, "acme/w", id: "42") == .registered)
    }

    @Test func `a pinned name takes no other id, and not none`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await outcome(temporary, "acme/w", id: "42", owner: "7") == .registered)
        for (id, owner) in [
            ("43", "7"), ("42", "8"), (nil, "7"), (nil, nil), ("042", "7"),
            // Leaving the owner's id out would be the way round.
            ("42", nil),
        ] as [(ByteString?, ByteString?)] {
            #expect(try await outcome(temporary, "acme/w", id: id, owner: owner) == .refused(.repositoryPinned))
        }
        #expect(temporary.store.liveJobCount == 1)
    }

    @Test func `a pinned id takes no other name`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await outcome(temporary, "acme/w", id: "42") == .registered)
        // Bytes: nothing is folded.
        for name in ["acme/v", "Acme/w", "acme/W", "acme/w\u{301}"] as [ByteString] {
            #expect(try await outcome(temporary, name, id: "42") == .refused(.repositoryPinned))
        }
        #expect(try await outcome(temporary, "acme/v", id: "43") == .registered)
        // B06: two spellings that look alike are two repositories.
        #expect(try await outcome(temporary, "acme/\u{E9}", id: "50") == .registered)
        #expect(try await outcome(temporary, "acme/e\u{301}", id: "51") == .registered)
    }

    @Test func `an owner that becomes known is pinned then`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await outcome(temporary, "acme/w", id: "42") == .registered)
        #expect(try await outcome(temporary, "acme/w", id: "42", owner: "7") == .registered)
        #expect(try await outcome(temporary, "acme/w", id: "42", owner: "8") == .refused(.repositoryPinned))
    }

    @Test func `a refused registration pins nothing`() async throws {
        let temporary = try await TemporaryStore()
        let permit = TemporaryStore.permit(of: try temporary.job(), kid: "no such key")
        let job = try temporary.job(facts: [("repository_id", "42")])
        #expect(try await temporary.store.register(job, permits: [permit]) == .refused(.keyWithdrawn))
        #expect(try await temporary.store.pinnedRepositories().isEmpty)
    }

    @Test func `forgetting lets another id in`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await outcome(temporary, "acme/w", id: "42") == .registered)
        #expect(try await !temporary.store.forgetRepository("acme/x", at: time(1100)))
        #expect(try await temporary.store.forgetRepository("acme/w", at: time(1100)))
        #expect(try await temporary.lastRecords(1) == ["repository_forget permit ok"])
        #expect(try await outcome(temporary, "acme/w", id: "43") == .registered)
        #expect(try await outcome(temporary, "acme/other", id: "42") == .registered)
    }

    @Test func `renaming moves the pin`() async throws {
        let temporary = try await TemporaryStore()
        let store = temporary.store
        #expect(try await outcome(temporary, "acme/w", id: "42", owner: "7") == .registered)
        #expect(try await outcome(temporary, "acme/x", id: "43") == .registered)
        #expect(try await store.renameRepository("acme/nobody", to: "acme/y", at: time(1100)) == .notFound)
        #expect(try await store.renameRepository("acme/w", to: "acme/x", at: time(1100)) == .alreadyExists)
        #expect(try await store.renameRepository("acme/w", to: "acme/y", at: time(1100)) == nil)
        #expect(try await temporary.lastRecords(1) == ["repository_rename permit ok"])
        #expect(try await outcome(temporary, "acme/y", id: "42", owner: "7") == .registered)
        #expect(try await outcome(temporary, "acme/w", id: "42", owner: "7") == .refused(.repositoryPinned))
        #expect(try await outcome(temporary, "acme/w", id: "99") == .registered)
        #expect(try await store.pinnedRepositories().map(\.name) == ["acme/w", "acme/x", "acme/y"])
    }

    @Test func `late facts are pinned, too`() async throws {
        let temporary = try await TemporaryStore()
        #expect(try await outcome(temporary, "acme/w", id: "42") == .registered)
        let job = try await temporary.registered(facts: [("repository", "acme/v")])
        let theirs = try job.facts.adding(JSONObject([("repository_id", "42")]))
        #expect(try await temporary.store.setFacts(theirs, of: job, at: time(1001)) == .repositoryPinned)
        #expect(try await temporary.store.job(job.id) == job)
        let own = try job.facts.adding(JSONObject([("repository_id", "43")]))
        #expect(try await temporary.store.setFacts(own, of: job, at: time(1001)) == nil)
        #expect(try await outcome(temporary, "acme/v", id: "44") == .refused(.repositoryPinned))
    }
}
