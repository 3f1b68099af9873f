/// Why a database cannot be used as a store; the text says how to mend it.
package enum PostgresStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// libpq can't be loaded; what the loader says.
    case libraryMissing(String)
    case malformedURL
    case passwordInURL
    /// What libpq says; it names host, port and user, never a password.
    case unreachable(String)
    /// The value of `synchronous_commit`.
    case notDurable(String)
    case readOnly
    /// Another server was promoted in its place.
    case formerPrimary
    case newerSchema
    /// What the server says of a statement of ours.
    case refused(String)
    case replicaNameInvalid

    package var description: String {
        switch self {
        case .libraryMissing(let message):
            "libpq, PostgreSQL's client library, can't be loaded: \(message); install it (Debian: apt-get install libpq5)"
        case .malformedURL:
            "the storage URL is none that libpq takes; write it as postgres://USER@HOST:PORT/DATABASE, other settings after ?"
        case .passwordInURL:
            "the storage URL holds a password, which everyone who lists processes could read; put it into a file that PGPASSFILE names (or ~/.pgpass, or a service file) and take it out of the URL"
        case .unreachable(let message): "PostgreSQL does not answer: \(message)"
        case .notDurable(let value):
            "synchronous_commit is \(value): a crash of the server would lose audit records of tokens that were released; run: ALTER DATABASE … SET synchronous_commit = on"
        case .readOnly:
            "the server is read-only, a standby perhaps; name the primary, or all hosts with target_session_attrs=read-write"
        case .formerPrimary:
            "the server was the primary before another was promoted in its place, and must not be written to; end it and make it a standby (pg_rewind); where going back to it is meant, restart all replicas"
        case .newerSchema: "the store was written by a newer jobsworth; run that version"
        case .refused(let message): "PostgreSQL refuses what the store needs: \(message)"
        case .replicaNameInvalid:
            "a replica's name is 1 to 64 of the characters A-Z a-z 0-9 . _ -, and each replica has another"
        }
    }
}
