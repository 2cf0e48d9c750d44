//! The spool's files: `NNNNNNNN.spool`, ascending, each beginning with [`MAGIC`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::frame::Version;

/// What a segment begins with; the last octet is the format's version.
pub(crate) const MAGIC: [u8; 16] = *b"honeypost spool\x02";

/// What a segment of the first version begins with.
const FIRST_MAGIC: [u8; 16] = *b"honeypost spool\x01";

/// The version of a segment that begins so.
pub(crate) fn version(beginning: &[u8]) -> Option<Version> {
    match beginning {
        _ if beginning.starts_with(&MAGIC) => Some(Version::Second),
        _ if beginning.starts_with(&FIRST_MAGIC) => Some(Version::First),
        _ => None,
    }
}

/// [`MAGIC`]'s length as an offset.
pub(crate) const FIRST_FRAME: u64 = MAGIC.len() as u64;

const SUFFIX: &str = ".spool";

/// A place in the spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The segment's number; they begin with 1.
    pub(crate) segment: u64,
    /// Octets from the segment's beginning.
    pub(crate) offset: u64,
}

/// A segment and how many octets of it count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// Whatever stands behind is the rest of a write that failed.
    pub(crate) len: u64,
}

/// The file of a segment.
pub(crate) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}{SUFFIX}"))
}

/// The segments there are, ascending.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|digits| digits.parse().ok());
        if let Some(number) = number
            && path(directory, number) == entry.path()
        {
            segments.push(Segment { number, len: entry.metadata()?.len() });
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

/// Makes a segment that holds no frame yet, for appending.
pub(crate) fn create(directory: &Path, number: u64) -> io::Result<File> {
    let path = path(directory, number);
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
    match file.write_all(&MAGIC) {
        Ok(()) => Ok(file),
        Err(error) => {
            // Without its beginning the file is nothing; where even this fails it is an empty segment, which is stepped over.
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

/// Makes a directory that only its owner may enter, with its parents, where there is none.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
