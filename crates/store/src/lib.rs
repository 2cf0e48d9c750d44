//! Where events are kept: a spool that survives `kill -9`, and SQLite behind it.
//!
//! **The promise**: when [`Spool::append`] has returned `Ok`, the events survive the death of the process at any moment,
//! and each is in the database exactly once afterwards. Nothing is dropped: not when the disk is full, not when the
//! database is behind or cannot be written. The driver appends before it sends the answer, and waits where the spool
//! says so.
//!
//! ```text
//! sessions ── Spool::append ──> DATA_DIR/spool/NNNNNNNN.spool ── Writer's thread ──> DATA_DIR/events.db ──> Reader
//!              one write(2)      the queue itself                 grouped transactions
//! ```
//!
//! - A commit of SQLite for each command would cost several times what the whole session may. So an append is one
//!   `write(2)` of checked frames to a file: what the kernel has taken survives the process.
//! - The spool file *is* the queue. The writer reads it back and stores, in the transaction that inserts the events,
//!   how far it has come. Recovery at start and normal running are the same code.
//! - The spool is bounded. Where the database is too far behind, an append is refused as [`SpoolError::Behind`]; the
//!   session waits and tries again.
//! - Each start begins a new segment. What a killed process left unfinished at the end of the last one was never
//!   acknowledged; the reader of the spool steps over it and keeps the bytes in a file `*.torn` beside it.
//!
//! What it does not promise: that the last seconds survive the death of the *machine* (power, kernel). No append waits for
//! the disk; the kernel writes back when it likes. A segment is deleted only after its events are on the disk, and a
//! hole that a crash leaves is found by the checksum and set aside.
//!
//! Not here: how events look (`event`), and who asks for which (`honeypost`'s commands, `web`).
//!
//! Read `payload.rs`, `chain.rs`, `frame.rs`, then `spool.rs`, `cursor.rs`, `import.rs`, `blocks.rs`, `writer.rs`,
//! `retention.rs`; then `schema.rs`, `reader.rs`, `scan.rs`, `recording.rs`, `verify.rs` and `backlog.rs`.

mod backlog;
mod blocks;
mod chain;
mod cursor;
mod error;
mod filter;
mod frame;
mod import;
mod payload;
mod reader;
mod recording;
mod retention;
mod scan;
mod schema;
mod segment;
mod spool;
mod stored;
mod verdict;
mod verify;
mod wire;
mod writer;

pub use backlog::Backlog;
pub use chain::{Link, Trail};
pub use error::{SpoolError, StoreError};
pub use filter::{Filter, SessionPart, SessionPartError};
pub use reader::{Events, Reader};
pub use retention::{Figures, Keep};
pub use scan::Row;
pub use schema::{DATABASE, SCHEMA_VERSION};
pub use spool::Spool;
pub use stored::Stored;
pub use verdict::{Finding, Verdict};
pub use wire::{Chunk, Flow, Piece, Wire};
pub use writer::{Options, Writer};
