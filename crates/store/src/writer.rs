//! The thread that moves events from the spool into the database, and the store's opening and closing.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::StoreError;
use crate::import::{Import, ImportError};
use crate::retention::{Figures, Keep, Retention};
use crate::schema::{self, DATABASE};
use crate::segment;
use crate::spool::{Sizes, Spool, Wake};

/// The spool's directory in the data directory.
pub(crate) const SPOOL: &str = "spool";

/// Held by the process that writes.
const LOCK: &str = "lock";

/// Octets of an ordinary event in the spool, to compare octets with events.
const ORDINARY: u64 = 256;

/// No transaction has to be smaller than this.
const LEAST: usize = 16;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The knobs. The defaults are good for anything between one intruder and all of them.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long an event may wait for others before it is committed: the age of what [`crate::Reader`] does not show yet.
    pub group_interval: Duration,
    /// Events in a transaction at most. About as many waiting end the wait early.
    pub group_events: usize,
    /// Octets that may wait for the database before [`Spool::append`] refuses.
    pub spool_limit: u64,
    /// Octets from which on a spool file is finished; it is deleted when it is consumed.
    pub segment_size: u64,
    /// How long evidence is kept, and how much.
    pub keep: Keep,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            group_interval: Duration::from_millis(100),
            group_events: 4096,
            spool_limit: 64 << 20,
            segment_size: 8 << 20,
            keep: Keep::default(),
        }
    }
}

/// A data directory open for writing, with the thread that does it.
///
/// Dropping it does what [`close`](Self::close) does, without telling how it went.
#[derive(Debug)]
pub struct Writer {
    spool: Arc<Spool>,
    directory: PathBuf,
    figures: Arc<Figures>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    /// Released by the system, however the process ends.
    _lock: File,
}

impl Writer {
    /// Opens the data directory for writing; makes it, its database and its spool where they are missing (for the
    /// owner's eyes only). What an earlier process left in the spool is taken up first.
    ///
    /// One process at a time: the others get [`StoreError::InUse`].
    pub fn open(directory: &Path, options: &Options) -> Result<Self, StoreError> {
        segment::create_directory(directory).map_err(|error| StoreError::file(directory, "create", error))?;
        let lock = lock(directory)?;
        let database = directory.join(DATABASE);
        let spool_directory = directory.join(SPOOL);
        let connection = schema::open_for_writing(&database)?;
        let mut import = Import::new(connection, spool_directory.clone()).map_err(|error| match error {
            ImportError::Sqlite(error) => StoreError::sqlite(&database, error),
            ImportError::Spool(error) => StoreError::file(&database, "prepare", error),
            ImportError::Panicked => StoreError::file(&database, "prepare", std::io::ErrorKind::Other.into()),
        })?;
        let sizes = Sizes {
            limit: options.spool_limit,
            segment: options.segment_size,
            enough: (options.group_events as u64).saturating_mul(ORDINARY),
        };
        let spool = Spool::open(&spool_directory, import.position(), sizes)
            .map_err(|error| StoreError::file(&spool_directory, "use", error))?;
        let spool = Arc::new(spool);
        import.begin(spool.next_segment());
        let retention = Retention::new(&import.connection, options.keep.clone())
            .map_err(|error| StoreError::sqlite(&database, error))?;
        let figures = retention.figures();
        let work = Work {
            spool: Arc::clone(&spool),
            import,
            retention,
            database,
            interval: options.group_interval,
            group: options.group_events,
            most: options.group_events,
        };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || work.run())
            .map_err(|error| StoreError::file(directory, "start the thread that writes", error))?;
        Ok(Self { spool, directory: directory.to_owned(), figures, thread: Some(thread), _lock: lock })
    }

    /// What sessions append to. May outlive the writer: what comes after [`close`](Self::close) is taken up at the next
    /// start.
    pub fn spool(&self) -> Arc<Spool> {
        Arc::clone(&self.spool)
    }

    /// How large the store is, and what retention has deleted.
    pub fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.figures)
    }

    /// Waits until everything appended before the call is in the database, for this long at most. Blocks the thread.
    pub fn flush(&self, timeout: Duration) -> Result<(), StoreError> {
        if self.spool.flush(timeout) { Ok(()) } else { Err(self.unfinished()) }
    }

    /// Puts everything into the database and closes it. Blocks the thread.
    ///
    /// Where the database cannot be written, the rest stays in the spool for the next start.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        self.spool.stop();
        match thread.join() {
            Ok(result) => result?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        if self.spool.pending() > 0 { Err(self.unfinished()) } else { Ok(()) }
    }

    fn unfinished(&self) -> StoreError {
        StoreError::Unfinished { path: self.directory.join(SPOOL), pending: self.spool.pending() }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "the store was not closed in order");
        }
    }
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| StoreError::file(&path, "create", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::file(&path, "lock", error)),
    }
}

/// What the thread owns.
struct Work {
    spool: Arc<Spool>,
    import: Import,
    retention: Retention,
    database: PathBuf,
    interval: Duration,
    /// Events in the next transaction at most: fewer after a failure, because a small one fits where a large one does
    /// not, and each that succeeds makes room.
    group: usize,
    most: usize,
}

impl Work {
    fn run(mut self) -> Result<(), StoreError> {
        let mut failures = 0;
        // Whether retention has more to delete: then nothing is waited for.
        let mut deleting = true;
        loop {
            let (linger, idle) = if deleting {
                (Duration::ZERO, Duration::ZERO)
            } else {
                (self.interval, self.retention.rest())
            };
            let wake = self.spool.wait_for_work(linger, idle);
            if wake == Wake::End {
                break;
            }
            let last_attempt = self.spool.stopping();
            let done = if wake == Wake::Work { self.guarded(Self::step) } else { Ok(()) };
            let deleted = match done {
                Ok(()) if last_attempt => Ok(false),
                Ok(()) => self.guarded(Self::delete),
                Err(error) => Err(error),
            };
            match deleted {
                Ok(more) => {
                    if failures > 0 {
                        tracing::info!(database = %self.database.display(), "events can be stored again");
                    }
                    failures = 0;
                    deleting = more;
                    self.group = self.group.saturating_mul(2).min(self.most);
                }
                Err(error) if last_attempt => return self.give_up(error),
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(
                            database = %self.database.display(),
                            %error,
                            "events cannot be stored now; they wait in the spool"
                        );
                    }
                    let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
                    failures += 1;
                    self.group /= 16;
                    // Lets the write-ahead log begin anew instead of growing. Where it fails, so will the next attempt.
                    let _ = self.import.checkpoint();
                    self.spool.pause(pause);
                }
            }
        }
        self.import.checkpoint().map_err(|error| StoreError::sqlite(&self.database, error))?;
        self.spool
            .delete_all()
            .map_err(|error| StoreError::file(&self.database, "delete the spool of", error))?;
        self.import.close().map_err(|error| StoreError::sqlite(&self.database, error))
    }

    /// Does it, and turns a panic into an error: the thread must not end while sessions count on it.
    fn guarded<T>(&mut self, work: fn(&mut Self) -> Result<T, ImportError>) -> Result<T, ImportError> {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            self.import.forget();
            Err(ImportError::Panicked)
        })
    }

    /// One step of retention.
    fn delete(&mut self) -> Result<bool, ImportError> {
        let stored = std::mem::take(&mut self.import.stored);
        self.retention.grew(stored);
        Ok(self.retention.step(&mut self.import)?)
    }

    /// One transaction.
    fn step(&mut self) -> Result<(), ImportError> {
        self.import.run(&self.spool.written(), self.group.max(LEAST))?;
        if self.spool.consumed(self.import.position()) {
            self.import.checkpoint()?;
            self.spool.delete_consumed()?;
        }
        Ok(())
    }

    fn give_up(self, error: ImportError) -> Result<(), StoreError> {
        match error {
            ImportError::Sqlite(error) => Err(StoreError::sqlite(&self.database, error)),
            ImportError::Spool(error) => Err(StoreError::file(&self.database, "read the spool of", error)),
            ImportError::Panicked => Err(StoreError::Unfinished {
                path: self.database.with_file_name(SPOOL),
                pending: self.spool.pending(),
            }),
        }
    }
}
