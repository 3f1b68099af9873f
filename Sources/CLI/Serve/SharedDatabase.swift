import Issuer
import JOSE
import Logging

#if PostgreSQL
import Keys
import PostgresStorage
import Server
#endif

/// A PostgreSQL database that any number of processes share.
struct SharedDatabase {
    let url: String

    /// The chain of what operators' commands record.
    static let operatorName: ByteString = "operator"

    static func isMeant(by text: String) -> Bool {
        text.hasPrefix("postgres:") || text.hasPrefix("postgresql:")
    }

    #if PostgreSQL
    /// What is wrong with the URL, and how to mend it; never the URL itself, which may hold a password.
    var problem: String? {
        do throws(PostgresStoreError) {
            _ = try PostgresAddress(url)
            return nil
        } catch {
            return error.description
        }
    }

    /// The store, with our records in the chain of `replica`; nil for one that nobody had before.
    func open(replica: ByteString?, logger: Logger) throws -> any IssuerStore {
        do {
            return try PostgresStore(PostgresAddress(url), replica: replica, logger: logger)
        } catch let error as PostgresStoreError {
            throw error.failure
        }
    }
    #else
    var problem: String? { Self.missing }

    func open(replica: ByteString?, logger: Logger) throws -> any IssuerStore {
        throw CommandFailure.wrongConfiguration(Self.missing)
    }

    private static let missing =
        "this jobsworth was built without PostgreSQL; build it with the trait, or use sqlite:PATH"
    #endif
}

#if PostgreSQL
extension PostgresStore: IssuerStore {
    func tend() async {
        let now = ClockReading.now
        // A database that is away is found out by whoever asks for a token.
        try? await compare(with: now.wall)
        if now.sinceBoot.components.seconds % 10 == 0 { try? await recount() }
    }

    func removeSomeJobs(endedBefore end: NumericDate) async throws(StoreError) -> Bool {
        try await removeSomeJobs(endedBefore: end, lookingAt: 500)
    }
}

extension PostgresStoreError {
    var failure: CommandFailure {
        switch self {
        case .libraryMissing, .malformedURL, .passwordInURL, .notDurable, .readOnly, .replicaNameInvalid:
            .wrongConfiguration(description)
        case .unreachable, .formerPrimary, .newerSchema, .refused: .failed(description)
        }
    }
}
#endif
