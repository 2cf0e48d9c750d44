//! What can go wrong, each with its file and its remedy. The readers of these texts are operators.
//!
//! Each text is whole: it holds what the system said, which is therefore not given as its source again.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the spool did not take events. Nothing of the batch was kept: wait a little (50 ms, say) and append it again.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// The database is behind by more than the limit.
    #[error("{pending} octets of events wait for the database, the limit is {limit}")]
    Behind {
        /// Octets that are not in the database yet.
        pending: u64,
        /// The limit, see [`crate::Options::spool_limit`].
        limit: u64,
    },
    /// The disk is full, or a quota is reached.
    #[error("{}: no space left for events: free some on that file system", path.display())]
    Full {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file cannot be written for another reason.
    #[error("{}: cannot write events: {cause}", path.display())]
    Io {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// One event is larger than any event may be. The only error that trying again does not cure: append something shorter in its place.
    #[error("an event of session {session} is larger than {} octets", crate::frame::MAX_PAYLOAD)]
    TooLarge {
        /// The session whose event it is.
        session: uuid::Uuid,
    },
}

impl SpoolError {
    /// Sorts an error of the system into full or other.
    pub(crate) fn from_io(path: PathBuf, cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, cause },
            _ => Self::Io { path, cause },
        }
    }
}

/// Why a store cannot be opened, written or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file or directory cannot be used.
    #[error("{}: cannot {action}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried, such as `create`.
        action: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process writes there.
    #[error("{}: in use by another honeypost: stop it, or use another --data-dir", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// There is no database.
    #[error("{}: no such database: has `honeypost serve` run with this --data-dir?", path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// The file is another program's.
    #[error("{}: not a database of Honeypost's: move it away, or use another --data-dir", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// A newer Honeypost has written it.
    #[error("{}: its schema has version {found}, this honeypost knows up to {known}: use the newer honeypost",
        path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// An older Honeypost has written it, and reading does not migrate.
    #[error("{}: its schema has version {found}, this honeypost reads {known}: run `honeypost serve` once, which \
        migrates it", path.display())]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version needed.
        known: i64,
    },
    /// The database's pages contradict each other.
    #[error("{}: damaged: {detail}: move it and its -wal and -shm away (`sqlite3 FILE .recover` saves what is \
        left); a new one is made at the next start", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What `PRAGMA quick_check` or a query found first.
        detail: String,
    },
    /// SQLite cannot get at the file, or at its -wal and -shm beside it, which readers need too.
    #[error("{}: cannot be opened: run this as the user that runs the server: {cause}", path.display())]
    Unreachable {
        /// The database.
        path: PathBuf,
        /// What it said.
        cause: rusqlite::Error,
    },
    /// SQLite refused.
    #[error("{}: {cause}{}", path.display(), remedy(cause))]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What it said.
        cause: rusqlite::Error,
    },
    /// The writer was stopped before everything was in the database.
    #[error("{}: {pending} octets of events are not in the database yet; they stay there and are taken up at the next \
        start", path.display())]
    Unfinished {
        /// The spool's directory.
        path: PathBuf,
        /// Octets left.
        pending: u64,
    },
    /// No session's id begins or ends so.
    #[error("no session's id begins or ends with {typed}")]
    NoSession {
        /// What was asked for.
        typed: String,
    },
    /// Several sessions' ids begin or end so.
    #[error("several sessions' ids begin or end with {typed}: {}{}; give one of them whole", candidates.join(", "),
        if *more { " and more" } else { "" })]
    Ambiguous {
        /// What was asked for.
        typed: String,
        /// Whole ids, not necessarily all.
        candidates: Vec<String>,
        /// Whether there are more.
        more: bool,
    },
    /// A block of the wire record cannot be read.
    #[error("{}: block {block} of the wire record cannot be read: {what} (`honeypost verify` tells what is whole)",
        path.display())]
    Block {
        /// The database.
        path: PathBuf,
        /// The block's key.
        block: i64,
        /// Why not.
        what: &'static str,
    },
    /// A row does not hold what this program writes.
    #[error("{}: event {key} cannot be read: {what}", path.display())]
    Row {
        /// The database.
        path: PathBuf,
        /// The event's key.
        key: i64,
        /// Which value.
        what: &'static str,
    },
}

fn remedy(cause: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode::{DiskFull, SystemIoFailure};
    match cause.sqlite_error_code() {
        Some(DiskFull) => ": free some space on that file system",
        Some(SystemIoFailure) => ": is that file system full, or damaged?",
        _ => "",
    }
}

impl StoreError {
    pub(crate) fn file(path: &Path, action: &'static str, cause: io::Error) -> Self {
        Self::File { path: path.to_owned(), action, cause }
    }

    pub(crate) fn sqlite(path: &Path, cause: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, PermissionDenied, ReadOnly};
        let path = path.to_owned();
        match cause.sqlite_error_code() {
            Some(CannotOpen | PermissionDenied | ReadOnly) => Self::Unreachable { path, cause },
            Some(DatabaseCorrupt) => Self::Damaged { path, detail: cause.to_string() },
            _ => Self::Sqlite { path, cause },
        }
    }
}
