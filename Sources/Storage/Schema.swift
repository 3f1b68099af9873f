import GRDB

/// The tables.
///
/// A migration that was released is never edited; the next one follows it.
enum Schema {
    /// What the first release that made backups had migrated to.
    static let firstWithBackups = "2 keys that rotate"

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE key_ring (
                        one INTEGER PRIMARY KEY CHECK (one = 1),
                        version INTEGER NOT NULL,
                        document BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE sealed_secret (
                        name BLOB PRIMARY KEY NOT NULL,
                        sealed BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE runner (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        name BLOB NOT NULL,
                        credential_digest BLOB NOT NULL UNIQUE,
                        patterns BLOB NOT NULL,
                        added_at INTEGER NOT NULL,
                        revoked_at INTEGER
                    ) STRICT;
                    CREATE UNIQUE INDEX runner_live_name ON runner (name) WHERE revoked_at IS NULL;

                    CREATE TABLE repository (
                        name BLOB PRIMARY KEY NOT NULL,
                        id BLOB NOT NULL UNIQUE,
                        owner_id BLOB,
                        pinned_at INTEGER NOT NULL
                    ) STRICT;

                    CREATE TABLE job (
                        id BLOB PRIMARY KEY NOT NULL,
                        runner INTEGER NOT NULL REFERENCES runner (id),
                        reference BLOB,
                        registration BLOB NOT NULL,
                        facts BLOB NOT NULL,
                        revision INTEGER NOT NULL,
                        registered_at INTEGER NOT NULL,
                        expires_at INTEGER NOT NULL,
                        lease_expires_at INTEGER,
                        has_token INTEGER NOT NULL DEFAULT 0,
                        ended_at INTEGER,
                        end_reason TEXT
                    ) STRICT, WITHOUT ROWID;
                    CREATE UNIQUE INDEX job_reference ON job (runner, reference) WHERE reference IS NOT NULL;
                    CREATE INDEX job_live_expiry ON job (expires_at) WHERE ended_at IS NULL;
                    CREATE INDEX job_live_lease ON job (lease_expires_at)
                        WHERE ended_at IS NULL AND lease_expires_at IS NOT NULL;

                    CREATE TABLE audit (
                        sequence INTEGER PRIMARY KEY,
                        document BLOB NOT NULL,
                        digest BLOB NOT NULL
                    ) STRICT;
                    """
            )
        }
        migrator.registerMigration("2 keys that rotate") { database in
            try database.execute(
                sql: """
                    ALTER TABLE key_ring ADD COLUMN digest BLOB;
                    ALTER TABLE key_ring ADD COLUMN replaced_at INTEGER NOT NULL DEFAULT 0;

                    CREATE TABLE key_use (
                        kid BLOB PRIMARY KEY NOT NULL,
                        first_sequence INTEGER NOT NULL,
                        tokens_expire_by INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    INSERT INTO key_use
                        SELECT CAST(json_extract(CAST(document AS TEXT), '$.kid') AS BLOB), MIN(sequence),
                            MAX(json_extract(CAST(document AS TEXT), '$.exp'))
                        FROM audit WHERE json_extract(CAST(document AS TEXT), '$.exp') IS NOT NULL GROUP BY 1;

                    CREATE TABLE sighting (
                        place BLOB NOT NULL,
                        kid BLOB NOT NULL,
                        first_seen_at INTEGER NOT NULL,
                        PRIMARY KEY (place, kid)
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE setting (
                        name TEXT PRIMARY KEY NOT NULL,
                        document BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TRIGGER key_ring_version BEFORE UPDATE ON key_ring WHEN NEW.version <= OLD.version
                    BEGIN SELECT RAISE(ABORT, 'the key ring''s version must rise'); END;

                    CREATE TRIGGER key_withdrawn_early BEFORE UPDATE ON key_ring WHEN EXISTS (
                        SELECT 1 FROM key_use WHERE tokens_expire_by > NEW.replaced_at AND kid NOT IN (
                            SELECT CAST(json_extract(value, '$.public.kid') AS BLOB)
                            FROM json_each(CAST(NEW.document AS TEXT), '$.keys')
                            WHERE json_extract(value, '$.state') <> 'retired'
                        )
                    )
                    BEGIN SELECT RAISE(ABORT, 'a key would be withdrawn while its tokens live'); END;
                    """
            )
        }
        migrator.registerMigration("3 runner bounds") { database in
            try database.execute(
                sql: """
                    ALTER TABLE runner ADD COLUMN bounds BLOB;
                    ALTER TABLE runner ADD COLUMN valid_until INTEGER;
                    ALTER TABLE runner ADD COLUMN former_digest BLOB;
                    ALTER TABLE runner ADD COLUMN former_valid_until INTEGER;
                    CREATE UNIQUE INDEX runner_former_digest ON runner (former_digest) WHERE former_digest IS NOT NULL;
                    """
            )
        }
        migrator.registerMigration("4 grants") { database in
            try database.execute(
                sql: """
                    CREATE TABLE grant_use (
                        sequence INTEGER PRIMARY KEY,
                        job BLOB NOT NULL REFERENCES job (id) ON DELETE CASCADE,
                        rule BLOB NOT NULL,
                        audiences BLOB NOT NULL,
                        claims BLOB NOT NULL,
                        used_at INTEGER NOT NULL
                    ) STRICT;
                    CREATE INDEX grant_use_rule ON grant_use (job, rule);
                    """
            )
        }
        migrator.registerMigration("5 approvals") { database in
            try database.execute(
                sql: """
                    ALTER TABLE job ADD COLUMN approval_required INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE job ADD COLUMN waits_since INTEGER;
                    ALTER TABLE job ADD COLUMN waits_until INTEGER;
                    ALTER TABLE job ADD COLUMN approved_by BLOB;
                    ALTER TABLE job ADD COLUMN approved_at INTEGER;
                    """
            )
        }
        migrator.registerMigration("6 live jobs by runner") { database in
            try database.execute(
                sql: """
                    DROP INDEX job_live_expiry;
                    CREATE INDEX job_live_expiry ON job (expires_at, runner) WHERE ended_at IS NULL;
                    """
            )
        }
        migrator.registerMigration("7 jobs in the order they came") { database in
            try database.execute(sql: jobsInOrder)
        }
        return migrator
    }

    /// Jobs with what every token's record asks of them before what is long, so that nothing of that is read for it.
    ///
    /// Jobs that are registered together lie together: their transaction touches few pages.
    private static let jobsInOrder = """
        CREATE TABLE job_in_order (
            number INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            runner INTEGER NOT NULL REFERENCES runner (id),
            revision INTEGER NOT NULL,
            registered_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            lease_expires_at INTEGER,
            has_token INTEGER NOT NULL DEFAULT 0,
            ended_at INTEGER,
            end_reason TEXT,
            approval_required INTEGER NOT NULL DEFAULT 0,
            waits_since INTEGER,
            waits_until INTEGER,
            approved_by BLOB,
            approved_at INTEGER,
            reference BLOB,
            registration BLOB NOT NULL,
            facts BLOB NOT NULL
        ) STRICT;
        INSERT INTO job_in_order (id, runner, revision, registered_at, expires_at, lease_expires_at, has_token, ended_at,
            end_reason, approval_required, waits_since, waits_until, approved_by, approved_at, reference, registration,
            facts)
            SELECT id, runner, revision, registered_at, expires_at, lease_expires_at, has_token, ended_at,
                end_reason, approval_required, waits_since, waits_until, approved_by, approved_at, reference,
                registration, facts
            FROM job ORDER BY registered_at, id;
        DROP TABLE job;
        ALTER TABLE job_in_order RENAME TO job;
        CREATE UNIQUE INDEX job_reference ON job (runner, reference) WHERE reference IS NOT NULL;
        CREATE INDEX job_live_expiry ON job (expires_at, runner) WHERE ended_at IS NULL;
        CREATE INDEX job_live_lease ON job (lease_expires_at)
            WHERE ended_at IS NULL AND lease_expires_at IS NOT NULL;
        """
}
