//! Databases that are not ours, too new, or damaged are refused, and nothing in them changes.

mod common;

use store::{DATABASE, Filter, Options, Reader, SCHEMA_VERSION, StoreError, Writer};
use tempfile::TempDir;

/// A data directory whose database was made by `statements`.
fn with(statements: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let connection = rusqlite::Connection::open(directory.path().join(DATABASE)).expect("opens");
    connection.execute_batch(statements).expect("valid");
    directory
}

/// A data directory with some hundred events in its database.
fn with_events() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = Writer::open(directory.path(), &Options::default()).expect("opens");
    for seq in 0..500 {
        common::append(&writer.spool(), &[common::record(common::session(1), seq, common::line(b"NOOP"))]);
    }
    writer.close().expect("closes");
    directory
}

fn errors(directory: &TempDir) -> [StoreError; 2] {
    let before = std::fs::read(directory.path().join(DATABASE)).expect("a database");
    let errors = [
        Writer::open(directory.path(), &Options::default()).expect_err("refused"),
        Reader::open(directory.path()).expect_err("refused"),
    ];
    assert_eq!(before, std::fs::read(directory.path().join(DATABASE)).expect("a database"), "it was changed");
    errors
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    Writer::open(directory.path(), &Options::default()).expect("opens").close().expect("closes");
    let connection = rusqlite::Connection::open(directory.path().join(DATABASE)).expect("opens");
    connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).expect("an update");
    connection.close().expect("closes");
    for error in errors(&directory) {
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("use the newer honeypost"), "{error}");
    }
}

#[test]
fn another_programs_database_is_refused() {
    for error in errors(&with("CREATE TABLE bookmarks (url TEXT)")) {
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join(DATABASE), "Dear diary,\n".repeat(1000)).expect("writes");
    for error in errors(&directory) {
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
}

#[test]
fn damage_is_found_after_a_crash() {
    let directory = with_events();
    let database = directory.path().join(DATABASE);
    let connection = rusqlite::Connection::open(&database).expect("opens");
    connection.execute("UPDATE spool SET clean = 0", []).expect("an update");
    connection.close().expect("closes");
    let mut bytes = std::fs::read(&database).expect("a database");
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 4096].fill(0xaa);
    std::fs::write(&database, bytes).expect("writes");
    let error = Writer::open(directory.path(), &Options::default()).expect_err("refused");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("move it and its -wal and -shm away"), "{error}");
}

#[test]
fn no_database_is_told_as_such() {
    let directory = tempfile::tempdir().expect("a directory");
    let error = Reader::open(directory.path()).expect_err("nothing there");
    assert!(error.to_string().ends_with("has `honeypost serve` run with this --data-dir?"), "{error}");
}

#[test]
fn opening_again_keeps_everything() {
    let directory = tempfile::tempdir().expect("a directory");
    for _ in 0..3 {
        Writer::open(directory.path(), &Options::default()).expect("opens").close().expect("closes");
    }
    Reader::open(directory.path()).expect("opens");
}

/// `tests/version-1` holds what the first version left.
#[test]
fn an_older_store_is_migrated_with_its_spool() {
    let directory = tempfile::tempdir().expect("a directory");
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/version-1");
    std::fs::create_dir(directory.path().join("spool")).expect("a directory");
    for file in [DATABASE, "spool/00000002.spool"] {
        std::fs::copy(from.join(file), directory.path().join(file)).expect("copied");
    }
    let error = Reader::open(directory.path()).expect_err("refused");
    assert!(matches!(error, StoreError::Older { found: 1, .. }), "{error}");

    let writer = Writer::open(directory.path(), &Options::default()).expect("migrates");
    common::append(&writer.spool(), &[common::record(common::session(1), 0, common::line(b"NOOP"))]);
    writer.close().expect("closes");
    let reader = Reader::open(directory.path()).expect("opens");
    let verdict = reader.verify(&Filter::default(), |_| {}).expect("verifies");
    assert!(verdict.is_whole(), "{verdict:?}");
    assert_eq!((verdict.sessions, verdict.events, verdict.unlinked), (3, 17, 16));
    let stored = common::read(directory.path(), &Filter::default());
    let failed = stored.iter().find(|event| event.name == "auth.failed").expect("from the spool");
    assert!(failed.fields.contains("wrong"), "{}", failed.fields);
    let connection = rusqlite::Connection::open(directory.path().join(DATABASE)).expect("opens");
    let shrinks: i64 =
        connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).expect("a number");
    assert_eq!(shrinks, 2);
}
