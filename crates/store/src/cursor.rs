//! Reading the spool: frame after frame, from segment to segment, over what a crash has torn.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use crate::frame::{self, Frame, Split, Version};
use crate::segment::{self, FIRST_FRAME, MAGIC, Position, Segment};

/// Octets read at once.
const CHUNK: usize = 256 << 10;

/// A reader's place in the spool, and the file that it has open.
#[derive(Debug)]
pub(crate) struct Cursor {
    directory: PathBuf,
    position: Position,
    file: Option<File>,
    /// Of the segment that is open.
    version: Version,
    /// Octets of the file; from `taken` on they are those at `position`.
    buffer: Vec<u8>,
    taken: usize,
}

impl Cursor {
    pub(crate) fn new(directory: PathBuf, position: Position) -> Self {
        Self { directory, position, file: None, version: Version::Second, buffer: Vec::new(), taken: 0 }
    }

    /// Before the next frame to be read.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Goes to another place.
    pub(crate) fn seek(&mut self, position: Position) {
        self.position = position;
        self.file = None;
        self.buffer.clear();
        self.taken = 0;
    }

    /// Hands over at most `most` of the frames that `written` holds from here on, each with its segment's number. Where `each` fails, the position is
    /// somewhere in between: [`seek`](Self::seek).
    pub(crate) fn read<E: From<io::Error>>(
        &mut self,
        written: &[Segment],
        most: usize,
        mut each: impl FnMut(&Frame<'_>, u64) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut count = 0;
        while count < most {
            let Some(segment) = self.enter(written)? else {
                break;
            };
            match frame::split(self.buffer.get(self.taken..).unwrap_or_default(), self.version) {
                Split::Whole(frame, size) => {
                    each(&frame, segment.number)?;
                    self.taken += size;
                    self.position.offset += size as u64;
                    count += 1;
                }
                Split::Incomplete(needed) => {
                    if !self.fill(segment, needed)? {
                        self.set_aside(segment)?;
                    }
                }
                Split::Damaged => self.set_aside(segment)?,
            }
        }
        Ok(count)
    }

    /// Opens the segment that holds the next frame; `None` when there is no more.
    fn enter(&mut self, written: &[Segment]) -> io::Result<Option<Segment>> {
        loop {
            let here = self.position;
            let Some(segment) = written.iter().copied().find(|segment| {
                segment.number > here.segment || (segment.number == here.segment && segment.len > here.offset)
            }) else {
                return Ok(None);
            };
            if segment.number != here.segment {
                self.seek(Position { segment: segment.number, offset: 0 });
            }
            if self.file.is_none() {
                let file = File::open(segment::path(&self.directory, segment.number))?;
                let mut beginning = MAGIC;
                // Where it has no beginning, that is found below.
                let read = file.read_exact_at(&mut beginning, 0).ok();
                self.version = read.and_then(|()| segment::version(&beginning)).unwrap_or(Version::Second);
                self.file = Some(file);
            }
            if self.position.offset >= FIRST_FRAME {
                return Ok(Some(segment));
            }
            self.seek_first_frame(segment)?;
        }
    }

    fn seek_first_frame(&mut self, segment: Segment) -> io::Result<()> {
        self.position.offset = 0;
        if self.fill(segment, MAGIC.len())? && segment::version(&self.buffer).is_some() {
            self.taken = MAGIC.len();
            self.position.offset = FIRST_FRAME;
            return Ok(());
        }
        self.set_aside(segment)
    }

    /// Reads on until `needed` octets are at hand. `false`: the segment does not hold as many.
    fn fill(&mut self, segment: Segment, needed: usize) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let mut held = self.buffer.len();
        let left = segment.len.saturating_sub(self.position.offset);
        if left < needed as u64 {
            return Ok(false);
        }
        let want = needed.max(CHUNK).min(usize::try_from(left).unwrap_or(usize::MAX));
        self.buffer.resize(want.max(held), 0);
        while held < want {
            let read = file
                .read_at(self.buffer.get_mut(held..).unwrap_or_default(), self.position.offset + held as u64);
            match read {
                Ok(0) => break,
                Ok(count) => held += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(held);
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(held);
        Ok(held >= needed)
    }

    /// Steps over the rest of the segment, which is no whole frame, and keeps it in a file of its own.
    fn set_aside(&mut self, segment: Segment) -> io::Result<()> {
        let Position { segment: number, offset } = self.position;
        let source = segment::path(&self.directory, number);
        let kept = self.directory.join(format!("{number:08}-{offset}.torn"));
        let mut from = File::open(&source)?;
        from.seek(SeekFrom::Start(offset))?;
        let mut rest = from.take(segment.len.saturating_sub(offset));
        let mut to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&kept)?;
        io::copy(&mut rest, &mut to)?;
        tracing::warn!(
            segment = %source.display(),
            offset,
            octets = segment.len.saturating_sub(offset),
            kept = %kept.display(),
            "the spool holds the rest of an interrupted write; it is kept aside"
        );
        self.seek(Position { segment: number, offset: segment.len });
        Ok(())
    }
}
