//! A file of lines that is put aside when it is large or old enough, and opened anew when somebody else has moved it.
//!
//! A line is never split over two files, and a failed write leaves no half of one. Knows nothing of events: whoever writes
//! hands over whole lines. One writer a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::outlet::Complaint;

/// The time in the name of a file that was put aside, `20261123T211800.000000Z`: names in order are in order of time.
const STAMP: &str = "%Y%m%dT%H%M%S.%6fZ";

/// When a file is put aside, and how many of those are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rotation {
    /// Octets that a file holds at the most; more only where a single line does.
    pub(super) size: Option<u64>,
    /// How old a file gets.
    pub(super) after: Option<Duration>,
    /// How many are kept beside the one that is written.
    pub(super) keep: Option<usize>,
}

/// The file.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    size: u64,
    begun: SystemTime,
    /// Whether its last line has no end, because a failed write could not be taken back.
    torn: bool,
    complaint: Complaint,
}

impl RotatingFile {
    /// Opens it, or makes it, readable by its owner only. A last line that a crash has torn is ended.
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let (file, size, begun) = open(path)?;
        let (path, complaint) = (path.to_owned(), Complaint::default());
        Ok(Self { path, rotation, file, size, begun, torn: false, complaint })
    }

    /// Opens the path anew: somebody has moved the file. Where that fails, it goes on writing where it was.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let (file, size, begun) = open(&self.path)?;
        (self.file, self.size, self.begun, self.torn) = (file, size, begun, false);
        Ok(())
    }

    /// Puts the file aside where it is due before a line of so many octets.
    fn make_room(&mut self, line: usize) {
        let large = self.rotation.size.is_some_and(|limit| self.size.saturating_add(as_size(line)) > limit);
        let age = SystemTime::now().duration_since(self.begun).unwrap_or_default();
        let old = self.rotation.after.is_some_and(|limit| age >= limit);
        if self.size == 0 || !(large || old) {
            return;
        }
        let done = self.put_aside().and_then(|()| self.reopen());
        if let Err(error) = done.and_then(|()| self.sweep())
            && self.complaint.due()
        {
            tracing::warn!(%error, "{} cannot be rotated and grows on", self.path.display());
        }
    }

    fn put_aside(&self) -> io::Result<()> {
        let mut time = Timestamp::now();
        loop {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{}", time.strftime(STAMP)));
            if fs::symlink_metadata(&name).is_ok() {
                time += Duration::from_micros(1);
                continue;
            }
            return match fs::rename(&self.path, &name) {
                // Somebody else has moved it.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                done => done,
            };
        }
    }

    /// Deletes the oldest of the files that were put aside.
    fn sweep(&self) -> io::Result<()> {
        let Some(keep) = self.rotation.keep else { return Ok(()) };
        let mut aside = aside(&self.path)?;
        aside.sort();
        let surplus = aside.len().saturating_sub(keep);
        aside.into_iter().take(surplus).try_for_each(fs::remove_file)
    }

    /// Writes all of it or nothing.
    fn write_whole(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
            (self.torn, self.size) = (false, self.size + 1);
        }
        if let Err(error) = self.file.write_all(lines) {
            // What was written of it is taken back, so that what is tried again stands there once.
            self.torn = self.file.set_len(self.size).is_err();
            if self.torn {
                self.size = self.file.metadata().map_or(self.size, |now| now.len());
            }
            return Err(error);
        }
        self.size += as_size(lines.len());
        Ok(())
    }
}

/// Takes whole lines only, and as many at once as the file has room for: what it returns ends with a line's end.
impl Write for RotatingFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let first = memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1);
        self.make_room(first);
        let room = self.rotation.size.map_or(u64::MAX, |limit| limit.saturating_sub(self.size));
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
        let fitting =
            lines.get(..room).and_then(|part| memchr::memrchr(b'\n', part)).map_or(0, |end| end + 1);
        let taken = fitting.max(first);
        self.write_whole(lines.get(..taken).unwrap_or(lines))?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn open(path: &Path) -> io::Result<(File, u64, SystemTime)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut size = metadata.len();
    if size > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            size += 1;
        }
    }
    // A file system without times of birth: as old as its last line.
    let begun = metadata.created().or_else(|_| metadata.modified()).unwrap_or_else(|_| SystemTime::now());
    Ok((file, size, begun))
}

/// The files that were put aside.
fn aside(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let other = entry.file_name();
        let stamp = other.to_str().and_then(|other| other.strip_prefix(name.as_str())?.strip_prefix('.'));
        if stamp.is_some_and(is_stamp) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn is_stamp(text: &str) -> bool {
    let shape = "00000000T000000.000000Z";
    let same = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(same)
}

fn as_size(octets: usize) -> u64 {
    u64::try_from(octets).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
