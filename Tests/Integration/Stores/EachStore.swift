// The conformance suite: what holds of a store holds on every engine.

import Testing

/// The engine that the store of a test lies on.
enum StoreEngine: String, CaseIterable {
    case sqlite
    #if PostgreSQL
    case postgres
    #endif

    @TaskLocal static var current = StoreEngine.sqlite
}

/// Runs each test of a suite once on each engine, the database a real one.
struct EachStore: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil, !test.tags.contains(.sqliteFile) else { return try await function() }
        for engine in StoreEngine.allCases {
            await StoreEngine.$current.withValue(engine) {
                do {
                    try await function()
                } catch {
                    Issue.record("on \(engine.rawValue): \(error)")
                }
            }
        }
    }
}

extension Trait where Self == EachStore {
    static var eachStore: EachStore { EachStore() }
}

extension Tag {
    /// A test that reaches into SQLite's file.
    @Tag static var sqliteFile: Tag
}
