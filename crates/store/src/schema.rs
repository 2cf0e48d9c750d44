//! The database's form, its versions, and how it is opened.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;

/// The database's name in the data directory.
pub const DATABASE: &str = "events.db";

/// The version of the schema that this program writes and reads.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len().cast_signed() as i64;

/// `PRAGMA application_id`: "hnyp".
const APPLICATION_ID: i64 = 0x686e_7970;

/// A database larger than this is not checked at start, it would take too long.
const CHECK_UP_TO: u64 = 512 << 20;

/// `PRAGMA auto_vacuum`: free pages are given back when they are asked for.
const INCREMENTAL: i64 = 2;

/// Each leads from the version of its index to the next one. Never change one that was released.
const MIGRATIONS: &[&str] = &["
    -- One row a connection: what is true of all its events.
    CREATE TABLE session (
        key INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,        -- UUIDv7, 16 octets
        sensor TEXT NOT NULL,
        protocol TEXT NOT NULL,
        src_ip TEXT NOT NULL, src_port INTEGER NOT NULL,
        dst_ip TEXT NOT NULL, dst_port INTEGER NOT NULL
    ) STRICT;
    -- The events' names, so that each event has a number in place of a text.
    CREATE TABLE name (code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    -- key: microseconds since 1970, but ascending in the order of arrival. Never less than time, so that everything
    -- since a moment is a range of keys.
    CREATE TABLE event (
        key INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES session (key),
        seq INTEGER NOT NULL,
        id BLOB NOT NULL,               -- UUIDv7, 16 octets
        time INTEGER NOT NULL,          -- microseconds since 1970
        name INTEGER NOT NULL REFERENCES name (code),
        tls INTEGER NOT NULL,
        fields TEXT NOT NULL            -- JSON object
    ) STRICT;
    CREATE UNIQUE INDEX event_session ON event (session, seq);
    -- How far the spool is consumed. Changes with the events, in one transaction.
    CREATE TABLE spool (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        segment INTEGER NOT NULL, position INTEGER NOT NULL,
        clean INTEGER NOT NULL          -- whether the last writer ended in order
    ) STRICT;
    INSERT INTO spool VALUES (1, 0, 0, 1);
    -- For reading by hand.
    CREATE VIEW log AS
        SELECT strftime('%Y-%m-%d %H:%M:%f', e.time / 1e6, 'unixepoch') AS time, n.name AS event,
            s.protocol, s.src_ip, lower(hex(s.id)) AS session, e.seq, e.fields
        FROM event e JOIN session s ON s.key = e.session JOIN name n ON n.code = e.name;
", "
    -- SHA-256 over the event and the link before it; nothing where a version wrote it that did not link.
    ALTER TABLE event ADD COLUMN link BLOB;
    -- How many events the session has by now, and the last one's link.
    ALTER TABLE session ADD COLUMN events INTEGER;
    ALTER TABLE session ADD COLUMN link BLOB;
    -- Stretches of the wire records of some sessions, compressed together. blocks.rs describes data.
    CREATE TABLE wire_block (
        key INTEGER PRIMARY KEY,
        sessions INTEGER NOT NULL,      -- how many still have a part in it
        raw INTEGER NOT NULL,           -- octets before compression
        size INTEGER NOT NULL,          -- octets of data
        data BLOB NOT NULL
    ) STRICT;
    -- Which blocks hold a session's wire record; a block that is not there any more was deleted by retention.
    CREATE TABLE wire_part (
        session INTEGER NOT NULL, block INTEGER NOT NULL,
        part INTEGER NOT NULL,          -- the session's number in the block
        chunks INTEGER NOT NULL,        -- how many stretches the session has up to here
        link BLOB NOT NULL,             -- the last one's link
        PRIMARY KEY (session, block)
    ) STRICT, WITHOUT ROWID;
    -- What retention has deleted so far.
    CREATE TABLE deleted (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        sessions INTEGER NOT NULL, events INTEGER NOT NULL, wire_blocks INTEGER NOT NULL, wire_octets INTEGER NOT NULL
    ) STRICT;
    INSERT INTO deleted VALUES (1, 0, 0, 0, 0);
"];

/// Opens the database for the one process that writes it; makes or migrates it first where needed.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    // SQLite would make the file readable to all; its -wal and -shm take over the mode.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StoreError::file(path, "create", error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let in_sqlite = |error| StoreError::sqlite(path, error);
    let mut connection = Connection::open_with_flags(path, flags).map_err(in_sqlite)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(in_sqlite)?;
    let version = version(&connection, path)?;
    configure(&connection).map_err(in_sqlite)?;
    if version > 0 {
        check_unless_clean(&connection, path)?;
    }
    migrate(&mut connection, version).map_err(in_sqlite)?;
    connection.execute("UPDATE spool SET clean = 0 WHERE clean", []).map_err(in_sqlite)?;
    give_back_space(&connection, path).map_err(in_sqlite)?;
    Ok(connection)
}

/// Opens the database for reading, whether or not another process writes it.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    // Not opened to find out: closing a file releases the locks that this process holds on it elsewhere (fcntl(2)).
    if let Err(error) = std::fs::metadata(path) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing { path: path.to_owned() },
            _ => StoreError::file(path, "read", error),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let in_sqlite = |error| StoreError::sqlite(path, error);
    let connection = Connection::open_with_flags(path, flags).map_err(in_sqlite)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(in_sqlite)?;
    match version(&connection, path)? {
        SCHEMA_VERSION => Ok(connection),
        0 => Err(StoreError::Missing { path: path.to_owned() }),
        found => Err(StoreError::Older { path: path.to_owned(), found, known: SCHEMA_VERSION }),
    }
}

/// The schema's version; 0 for an empty file. Refuses what is not ours or too new.
fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<_> {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((pragma("application_id")?, pragma("user_version")?, tables))
    };
    let owned = || path.to_owned();
    match read() {
        Ok((0, 0, 0)) => Ok(0),
        Ok((APPLICATION_ID, found, _)) if found > SCHEMA_VERSION => {
            Err(StoreError::Newer { path: owned(), found, known: SCHEMA_VERSION })
        }
        Ok((APPLICATION_ID, found, _)) => Ok(found),
        Ok(_) => Err(StoreError::Foreign { path: owned() }),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(StoreError::Foreign { path: owned() })
        }
        Err(error) => Err(StoreError::sqlite(path, error)),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Counts for a new database only, and before anything else is done to it.
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // NORMAL waits for the disk at checkpoints only. The spool's segments are deleted after one.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "journal_size_limit", 32 << 20)?;
    // KiB. Rows are appended: the pages that are written again are few.
    connection.pragma_update(None, "cache_size", -1_000)?;
    // One writer, which makes the session's row itself: a look-up for each event would only cost.
    connection.pragma_update(None, "foreign_keys", false)
}

fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(from).unwrap_or(0);
    for (version, migration) in (1_i64..).zip(MIGRATIONS).skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Looks for damage where the last writer did not end in order: a crash of the machine may leave some.
fn check_unless_clean(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let in_sqlite = |error| StoreError::sqlite(path, error);
    let clean: bool =
        connection.query_row("SELECT clean FROM spool", [], |row| row.get(0)).map_err(in_sqlite)?;
    let size = std::fs::metadata(path).map_err(|error| StoreError::file(path, "read", error))?.len();
    if !clean && size <= CHECK_UP_TO {
        let found: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(in_sqlite)?;
        if found != "ok" {
            return Err(StoreError::Damaged { path: path.to_owned(), detail: found });
        }
    }
    Ok(())
}

/// Sees to it that the file can shrink: a new database is made so, one of an older version is rewritten once.
fn give_back_space(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let mode: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if mode == INCREMENTAL {
        return Ok(());
    }
    tracing::info!(database = %path.display(), "rewriting the database once, so that it can give back space");
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    // Needs as much space again; without it, what retention deletes is used again but not given back.
    if let Err(error) = connection.execute_batch("VACUUM") {
        tracing::warn!(database = %path.display(), %error, "the database cannot be rewritten now; it does not shrink");
    }
    Ok(())
}
