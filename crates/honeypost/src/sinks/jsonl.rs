//! Every event as a line of JSON in a file, or on standard output: [`Record::write_json`] and a line's end.
//!
//! `file.rs` writes and rotates the file; `docs/sinks.md` describes it for operators.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use event::Protocol;

use super::file::{RotatingFile, Rotation};
use super::queue::{Entry, Queue};
use super::worker::{self, Carrier, Next, Progress};
use super::{Opened, SinkError};
use crate::config::{Config, ConfigError, LogFormat};

const NAME: &str = "jsonl";
/// Octets that are gathered for one write.
const WRITE_AT_ONCE: usize = 64 * 1024;
/// How often standard output is asked again whose reader is behind.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// Whether the lines go to standard output.
pub(super) fn to_standard_output(config: &Config) -> bool {
    config.jsonl().path.as_ref().is_some_and(|path| path.0 == Path::new("-"))
}

/// Whether what the configuration names can be opened.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let refuse = |reason: &str, expected: &str| Err(config.refuse("jsonl.path", reason, expected));
    let Some(path) = &config.jsonl().path else { return Ok(()) };
    if to_standard_output(config) {
        if config.log_format() == LogFormat::Decnet {
            let remedy = "the path of a file, or log-format = \"human\"";
            return refuse("is standard output, which has the lines of log-format = \"decnet\"", remedy);
        }
        return Ok(());
    }
    let folder = path.0.parent().filter(|folder| !folder.as_os_str().is_empty());
    match path.0.metadata() {
        Ok(found) if !found.is_file() => refuse("is not a regular file", "the path of a file, or \"-\""),
        Err(_) if folder.is_some_and(|folder| !folder.is_dir()) => {
            refuse("is in a folder that does not exist", "a path in a folder that does")
        }
        _ => Ok(()),
    }
}

/// Opens the sink.
pub(super) fn open(config: &Config, _served: &[Protocol]) -> Result<Option<Opened>, SinkError> {
    let settings = config.jsonl();
    let Some(path) = settings.path.as_ref().map(|path| path.0.clone()) else { return Ok(None) };
    let queue = Queue::new(NAME, config.queue_size());
    if to_standard_output(config) {
        // A descriptor of its own: a write that blocks holds no lock that anybody else wants.
        let output = || io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let make = move || output().map(Stream::new).map(Lines).map_err(|error| error.to_string());
        return Ok(Some(worker::start(queue, None, Lines(Stream::new(output()?)), make)?));
    }
    let rotation = Rotation {
        size: settings.rotate_size.map(|size| size.0),
        after: settings.rotate_after,
        keep: settings.keep.map(|keep| keep.0),
    };
    let first = RotatingFile::open(&path, rotation).map_err(|error| {
        let reason = format!("cannot be opened for writing: {error}");
        config.refuse("jsonl.path", &reason, "the path of a file that can be written")
    })?;
    let make = move || RotatingFile::open(&path, rotation).map(Lines).map_err(|error| error.to_string());
    Ok(Some(worker::start(queue, None, Lines(first), make)?))
}

/// Writes lines to what takes whole lines only.
#[derive(Debug)]
struct Lines<W>(W);

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
            entry.record.write_json(&mut text);
            text.push(b'\n');
            if text.len() < WRITE_AT_ONCE && entries.peek().is_some() {
                continue;
            }
            let mut rest = text.as_slice();
            while !rest.is_empty() {
                match self.0.write(rest) {
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
        if let Err(error) = self.0.reopen() {
            tracing::warn!(%error, "{NAME} cannot open its file anew, and goes on writing where it was");
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
