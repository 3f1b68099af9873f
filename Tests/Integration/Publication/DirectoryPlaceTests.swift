// A folder that a web server serves, and those who would have something else in it.

import Foundation
import JOSE
import Testing

@testable import Publication

@Suite struct DirectoryPlaceTests {
    private let folder: TemporaryFolder
    private let place: DirectoryPlace

    init() throws {
        // As every command of ours has it.
        umask(0o077)
        folder = try TemporaryFolder()
        place = DirectoryPlace(name: "web", root: folder.path)
    }

    private func write(_ body: String) async throws {
        try await place.write(Samples.file(".well-known/jwks", body))
    }

    @Test func `files and folders can be read by everyone and written by their owner alone`() async throws {
        try await write("new")
        #expect(try folder.mode(".well-known") == 0o755)
        #expect(try folder.mode(".well-known/jwks") == 0o644)
        #expect(try folder.contents() == [".well-known"])
        #expect(try folder.contents(".well-known") == ["jwks"])
        let copy = try await place.read(Samples.file(".well-known/jwks"))
        #expect(copy.body == Array("new".utf8))
        #expect(copy.contentType == nil)
    }

    @Test func `a reader that has the former file open keeps it whole`() async throws {
        try await write("old")
        let reader = try #require(FileHandle(forReadingAtPath: folder.path + "/.well-known/jwks"))
        try await write("newer")
        #expect(try reader.readToEnd() == Data("old".utf8))
        #expect(folder.text(".well-known/jwks") == "newer")
    }

    @Test func `a folder that is there keeps its mode`() async throws {
        try folder.make(".well-known", mode: 0o750)
        try await write("new")
        #expect(try folder.mode(".well-known") == 0o750)
    }

    @Test func `drafts of the dead are cleared away`() async throws {
        try folder.make("..well-known.draft", mode: 0o700)
        try await write("old")
        try folder.write("half", to: ".well-known/.jwks.draft")
        try await write("new")
        #expect(try folder.contents() == [".well-known"])
        #expect(try folder.contents(".well-known") == ["jwks"])
        #expect(folder.text(".well-known/jwks") == "new")
    }

    @Test func `the draft of a living run is left alone`() async throws {
        try await write("old")
        try folder.write("half", to: ".well-known/.jwks.draft")
        let other = open(folder.path + "/.well-known/.jwks.draft", O_RDWR)
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
        let open = try OpenFolder(root: folder.path).subfolder(".well-known", mayCreate: false)
        await #expect(throws: PublicationError.busy(folder.path + "/.well-known/.jwks.draft")) {
            _ = try await FileDraft(of: "jwks", in: open, attempts: 1)
        }
        #expect(folder.text(".well-known/.jwks.draft") == "half")
        close(other)
        try await write("new")
        #expect(folder.text(".well-known/jwks") == "new")
    }

    @Test func `many runs at once leave one whole file and no draft`() async throws {
        let bodies = (0..<16).map { String(repeating: String($0, radix: 16), count: 100_000) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for body in bodies { group.addTask { try await write(body) } }
            try await group.waitForAll()
        }
        #expect(bodies.contains(try #require(folder.text(".well-known/jwks"))))
        #expect(try folder.contents(".well-known") == ["jwks"])
    }

    @Test(arguments: [".well-known/.jwks.draft", ".well-known/jwks"])
    func `a link is not written through`(name: String) async throws {
        try folder.make(".well-known")
        try folder.write("precious", to: "victim")
        try folder.link(name, to: "../victim")
        await #expect(throws: PublicationError.notPlain(folder.path + "/" + name)) { try await write("new") }
        #expect(folder.text("victim") == "precious")
        #expect(
            try folder.contents(".well-known").filter { $0 != ".jwks.draft" }
                == (name.hasSuffix("draft") ? [] : ["jwks"])
        )
    }

    @Test(arguments: [".well-known", "..well-known.draft"])
    func `a link to a folder is not entered`(name: String) async throws {
        try folder.make("elsewhere")
        try folder.link(name, to: "elsewhere")
        await #expect(throws: PublicationError.notPlain(folder.path + "/" + name)) { try await write("new") }
        #expect(try folder.contents("elsewhere") == [])
    }

    @Test func `a hard link to another file is only taken away`() async throws {
        try folder.make(".well-known")
        try folder.write("precious", to: "victim")
        try FileManager.default.linkItem(
            atPath: folder.path + "/victim",
            toPath: folder.path + "/.well-known/.jwks.draft"
        )
        try await write("new")
        #expect(folder.text("victim") == "precious")
        #expect(folder.text(".well-known/jwks") == "new")
    }

    @Test(arguments: ["", "/.well-known"])
    func `a folder that everyone may change is refused`(name: String) async throws {
        try folder.make(".well-known")
        #expect(chmod(folder.path + name, 0o1777) == 0)
        await #expect(throws: PublicationError.folderWritableByEveryone(folder.path + name)) { try await write("new") }
        #expect(try folder.contents(".well-known") == [])
    }

    @Test func `a folder that is not there is not made`() async throws {
        let place = DirectoryPlace(name: "web", root: folder.path + "/typo")
        await #expect(throws: PublicationError.folderMissing(folder.path + "/typo")) {
            try await place.write(Samples.file("a"))
        }
        #expect(try folder.contents() == [])
    }

    @Test func `where the new file cannot take its place the former stays and no draft is left`() async throws {
        try folder.make(".well-known")
        try folder.make(".well-known/jwks")
        await #expect(throws: PublicationError.notPlain(folder.path + "/.well-known/jwks")) { try await write("new") }
        #expect(try folder.contents(".well-known") == ["jwks"])
    }

    @Test func `what is read back is a plain file of moderate size`() async throws {
        try folder.make(".well-known")
        try folder.write(String(repeating: "x", count: 1_048_577), to: ".well-known/jwks")
        await #expect(throws: PublicationError.fileTooLarge(folder.path + "/.well-known/jwks")) {
            try await place.read(Samples.file(".well-known/jwks"))
        }
        try folder.link(".well-known/other", to: "jwks")
        await #expect(throws: PublicationError.notPlain(folder.path + "/.well-known/other")) {
            try await place.read(Samples.file(".well-known/other"))
        }
        await #expect(throws: PublicationError.system(folder.path + "/.well-known/none", errno: ENOENT)) {
            try await place.read(Samples.file(".well-known/none"))
        }
    }
}
