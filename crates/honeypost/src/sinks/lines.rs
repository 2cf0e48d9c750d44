//! Every event as a line of JSON in a file, or on standard output: the sinks `jsonl` and `ecs`, which differ in the line.
//!
//! `file.rs` writes and rotates the file; `docs/sinks.md` describes it for operators.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use event::{Protocol, Record};

use super::file::{RotatingFile, Rotation};
use super::queue::{Entry, Queue};
use super::worker::{self, Carrier, Next, Progress};
use super::{Opened, SinkError};
use crate::config::sinks::LineFile;
use crate::config::{Config, ConfigError, LogFormat};

/// One kind of lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// The sink's name.
    pub(super) name: &'static str,
    /// The setting that names its file.
    key: &'static str,
    /// What the configuration says of it.
    settings: fn(&Config) -> &LineFile,
    /// Writes an event's line, without its end.
    press: fn(&Record, &mut Vec<u8>),
}

/// Events as `honeypost events --json` writes them.
pub(super) const JSONL: Kind =
    Kind { name: "jsonl", key: "jsonl.path", settings: Config::jsonl, press: Record::write_json };

/// Events as documents of the Elastic Common Schema, as `honeypost export --format ecs` writes them.
pub(super) const ECS: Kind =
    Kind { name: "ecs", key: "ecs.path", settings: Config::ecs, press: event::ecs::write_record };

/// Octets that are gathered for one write.
const WRITE_AT_ONCE: usize = 64 * 1024;
/// How often standard output is asked again whose reader is behind.
const ASK_AGAIN: Duration = Duration::from_millis(10);

impl Kind {
    /// Whether the lines go to standard output.
    pub(super) fn to_standard_output(self, config: &Config) -> bool {
        (self.settings)(config).path.as_ref().is_some_and(|path| path.0 == Path::new("-"))
    }

    /// Whether what the configuration names can be opened.
    pub(super) fn check(self, config: &Config) -> Result<(), ConfigError> {
        let refuse = |reason: &str, expected: &str| Err(config.refuse(self.key, reason, expected));
        let Some(path) = &(self.settings)(config).path else { return Ok(()) };
        if self.to_standard_output(config) {
            let remedy = "the path of a file, or log-format = \"human\"";
            if config.log_format() == LogFormat::Decnet {
                return refuse("is standard output, which has the lines of log-format = \"decnet\"", remedy);
            }
            if self.name != JSONL.name && JSONL.to_standard_output(config) {
                return refuse("is standard output, which has the lines of jsonl.path", "the path of a file");
            }
            return Ok(());
        }
        let folder = path.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        match path.0.metadata() {
            Ok(found) if !found.is_file() => refuse("is not a regular file", "the path of a file, or \"-\""),
            Err(_) if folder.is_some_and(|folder| !folder.is_dir()) => {
                refuse("is in a folder that does not exist", "a path in a folder that does")
            }
            _ if within(&path.0, config.data_dir()) => refuse(
                "is in the data directory, whose files are Honeypost's own",
                "the path of a file outside of it",
            ),
            _ if self.name != JSONL.name && JSONL.writes_to(config, &path.0) => {
                refuse("is the file of jsonl.path", "a file of its own")
            }
            _ => Ok(()),
        }
    }

    fn writes_to(self, config: &Config, path: &Path) -> bool {
        (self.settings)(config).path.as_ref().is_some_and(|own| own.0 == path)
    }

    /// Opens the sink.
    fn open(self, config: &Config) -> Result<Option<Opened>, SinkError> {
        let settings = (self.settings)(config);
        let Some(path) = settings.path.as_ref().map(|path| path.0.clone()) else { return Ok(None) };
        let queue = Queue::new(self.name, config.queue_size());
        if self.to_standard_output(config) {
            // A descriptor of its own: a write that blocks holds no lock that anybody else wants.
            let output = || io::stdout().as_fd().try_clone_to_owned().map(File::from);
            let lines = move |output| Lines { kind: self, paper: Stream::new(output) };
            let make = move || output().map(lines).map_err(|error| error.to_string());
            return Ok(Some(worker::start(queue, None, lines(output()?), make)?));
        }
        let rotation = Rotation {
            size: settings.rotate_size.map(|size| size.0),
            after: settings.rotate_after,
            keep: settings.keep.map(|keep| keep.0),
        };
        let first = RotatingFile::open(&path, rotation).map_err(|error| {
            let reason = format!("cannot be opened for writing: {error}");
            config.refuse(self.key, &reason, "the path of a file that can be written")
        })?;
        let lines = move |paper| Lines { kind: self, paper };
        let make = move || RotatingFile::open(&path, rotation).map(lines).map_err(|error| error.to_string());
        Ok(Some(worker::start(queue, None, lines(first), make)?))
    }
}

/// Whether a file would be in that folder, whatever links lead there.
fn within(file: &Path, folder: &Path) -> bool {
    let whole = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        path.canonicalize().unwrap_or(path)
    };
    let parent = whole(file).parent().map(whole);
    parent.is_some_and(|parent| parent.starts_with(whole(folder)))
}

/// Opens the sink `jsonl`.
pub(super) fn jsonl(config: &Config, _served: &[Protocol]) -> Result<Option<Opened>, SinkError> {
    JSONL.open(config)
}

/// Opens the sink `ecs`.
pub(super) fn ecs(config: &Config, _served: &[Protocol]) -> Result<Option<Opened>, SinkError> {
    ECS.open(config)
}

/// Writes lines to what takes whole lines only.
#[derive(Debug)]
struct Lines<W> {
    kind: Kind,
    paper: W,
}

/// Where lines go: what [`Write::write`] takes are whole lines, or nothing where it fails.
trait Paper: Write {
    /// Opens it anew.
    fn reopen(&mut self) -> io::Result<()>;
}

impl Paper for RotatingFile {
    fn reopen(&mut self) -> io::Result<()> {
        self.reopen()
    }
}

impl<W: Paper> Carrier for Lines<W> {
    fn deliver(&mut self, entries: &[Entry]) -> Progress {
        let mut progress = Progress::default();
        let mut text = Vec::new();
        let mut entries = entries.iter().peekable();
        while let Some(entry) = entries.next() {
            (self.kind.press)(&entry.record, &mut text);
            if text.last() != Some(&b'\n') {
                text.push(b'\n');
            }
            if text.len() < WRITE_AT_ONCE && entries.peek().is_some() {
                continue;
            }
            let mut rest = text.as_slice();
            while !rest.is_empty() {
                match self.paper.write(rest) {
                    Ok(taken) => {
                        let (written, left) = rest.split_at_checked(taken).unwrap_or((rest, &[]));
                        progress.delivered += memchr::memchr_iter(b'\n', written).count();
                        rest = left;
                    }
                    Err(error) => {
                        progress.next = Next::Failed(error.to_string(), None);
                        return progress;
                    }
                }
            }
            text.clear();
        }
        progress
    }

    fn reopen(&mut self) {
        if let Err(error) = self.paper.reopen() {
            let name = self.kind.name;
            tracing::warn!(%error, "{name} cannot open its file anew, and goes on writing where it was");
        }
    }
}

/// Standard output: a reader that may be slow, and of whose half lines nothing can be taken back.
#[derive(Debug)]
struct Stream<W> {
    output: W,
    /// What is still to be written of lines that were taken.
    owed: Vec<u8>,
}

impl<W: Write> Stream<W> {
    fn new(output: W) -> Self {
        Self { output, owed: Vec::new() }
    }

    /// Writes what it owes.
    fn pay(&mut self) -> io::Result<()> {
        while !self.owed.is_empty() {
            match self.output.write(&self.owed) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.owed.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(ASK_AGAIN),
                Err(error) => return Err(error),
            }
        }
        self.output.flush()
    }
}

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.pay()?;
        self.owed.extend_from_slice(lines);
        match self.pay() {
            // Nothing of them is out: they are not taken.
            Err(error) if self.owed.len() == lines.len() => {
                self.owed.clear();
                Err(error)
            }
            Err(_) | Ok(()) => Ok(lines.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pay()
    }
}

impl<W: Write> Paper for Stream<W> {
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
