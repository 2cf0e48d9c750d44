//! Reads a message into its tree of parts (RFC 2046 section 5.1), line by line, once, with Dovecot's rules: a boundary
//! line need only begin with the boundary, the longest one that fits wins, and it ends every part within its multipart,
//! even in the middle of a header. The tree's types and the way of section numbers are in `part.rs`.

use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memchr_iter};

use crate::mime::address::Allowance;
use crate::mime::content::ContentFields;
use crate::mime::envelope::Envelope;
use crate::mime::header::{empty_line, line_length};
use crate::mime::part::{Content, MOST_NESTED, MOST_PARTS, MediaType, Part};

/// Longer boundaries are cut: RFC 2046 allows 70 octets, Dovecot ten more.
const LONGEST_BOUNDARY: usize = 80;

/// Of a line without an end so much is compared with the boundaries.
const LONGEST_OPEN_LINE: usize = LONGEST_BOUNDARY + 4;

/// Reads the structure of a whole message.
pub(super) fn parse(message: &Bytes) -> Part {
    let mut structure = Structure {
        message,
        parts: Vec::new(),
        open: Vec::new(),
        boundaries: Vec::new(),
        position: 0,
        lines: 0,
        allowance: Allowance::new(),
    };
    let mut role = Role::Message;
    loop {
        structure.begin(role);
        if structure.parts.last().is_some_and(|part| matches!(part.holds, Holds::Message)) {
            role = Role::Message;
        } else if let Some(digest) = structure.body() {
            role = Role::Part { digest };
        } else {
            return structure.into_tree();
        }
    }
}

/// Where a part stands in the one that holds it, which decides how its header is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The whole message, or the one in a `message/rfc822`.
    Message,
    /// One of a multipart's parts; those of a digest are messages unless they say otherwise (RFC 2046 section 5.1.5).
    Part { digest: bool },
}

/// What a part is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Other,
    Parts {
        digest: bool,
    },
    Message,
    /// Parts or a message, were it not for the limits.
    TooMuch,
}

/// A part as it was read so far.
struct Draft {
    parent: Option<usize>,
    header: Range<usize>,
    body_end: usize,
    /// Line ends before the body; once it is closed, in the body.
    lines: usize,
    /// Whether a boundary line stands in its header or just behind, so that it has no body.
    bodiless: bool,
    content: ContentFields,
    holds: Holds,
    /// Of a message within a message.
    envelope: Option<Envelope>,
}

/// The boundary of an open multipart.
struct Boundary {
    text: Vec<u8>,
    /// The multipart's index among the parts.
    part: usize,
}

/// A boundary line that was found.
struct BoundaryLine {
    /// Its index among the boundaries.
    boundary: usize,
    /// Whether it is the last one (`--boundary--`).
    last: bool,
}

struct Structure<'a> {
    message: &'a Bytes,
    /// All parts in order, those that hold others before what they hold.
    parts: Vec<Draft>,
    /// The part being read, last, and those around it.
    open: Vec<usize>,
    /// The boundaries to look for, the innermost last.
    boundaries: Vec<Boundary>,
    position: usize,
    /// Line ends before the position.
    lines: usize,
    allowance: Allowance,
}

impl Structure<'_> {
    fn rest(&self) -> &[u8] {
        &self.message[self.position..]
    }

    fn take_line(&mut self) {
        let length = line_length(self.rest());
        self.lines += usize::from(self.rest()[..length].ends_with(b"\n"));
        self.position += length;
    }

    /// The length of the line end just before the position.
    fn line_end_before(&self) -> usize {
        match &self.message[..self.position] {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n'] => 1,
            _ => 0,
        }
    }

    /// Begins a part here and reads its header.
    fn begin(&mut self, role: Role) {
        let (index, parent) = (self.parts.len(), self.open.last().copied());
        let within = parent.map(|parent| &self.parts[parent]).filter(|parent| parent.holds == Holds::Message);
        let start = within.filter(|parent| parent.bodiless).map_or(self.position, |parent| parent.header.end);
        let is_message_within = within.is_some();
        self.open.push(index);
        self.parts.push(Draft {
            parent,
            header: start..start,
            body_end: start,
            lines: 0,
            bodiless: false,
            content: ContentFields::default(),
            holds: Holds::Other,
            envelope: None,
        });
        let (mut end, mut bodiless) = self.header(start);
        let header = &self.message[start..end];
        let mut content = ContentFields::read(header, role != Role::Message);
        let envelope = is_message_within.then(|| Envelope::read(header, &mut self.allowance));
        let mut holds = holds(content.media.as_ref(), role);
        let boundary = content
            .media
            .as_ref()
            .filter(|_| matches!(holds, Holds::Parts { .. }) && !bodiless)
            .and_then(boundary);
        let deep = self.open.len() >= MOST_NESTED;
        match (holds, boundary) {
            (Holds::Message, _) if deep || self.is_full() => holds = Holds::TooMuch,
            (Holds::Parts { .. }, Some(_)) if deep => holds = Holds::TooMuch,
            (Holds::Parts { .. }, Some(text)) => self.boundaries.push(Boundary { text, part: index }),
            _ => {}
        }
        content.media = Some(media(content.media.take(), holds));
        if !bodiless && self.boundary_here().is_some_and(|line| self.boundaries[line.boundary].part != index)
        {
            // the empty line is the boundary's line end
            end -= self.line_end_before();
            bodiless = true;
        }
        let lines = self.lines;
        let part = &mut self.parts[index];
        (part.header.end, part.body_end, part.lines) = (end, end, lines);
        (part.bodiless, part.content, part.holds, part.envelope) = (bodiless, content, holds, envelope);
    }

    /// Goes over a header. Gives its end, and whether it was a boundary that ended it.
    fn header(&mut self, start: usize) -> (usize, bool) {
        let first_line = self.position;
        loop {
            if let Some(length) = empty_line(self.rest()) {
                self.position += length;
                self.lines += 1;
                return (self.position, false);
            }
            if self.boundary_here().is_some() {
                // the line end before a boundary belongs to the boundary
                let end =
                    if self.position == first_line { start } else { self.position - self.line_end_before() };
                return (end, true);
            }
            if self.position == self.message.len() {
                return (self.position, false);
            }
            self.take_line();
        }
    }

    /// Goes over the body of the part being read, up to the boundary behind which the next part begins, and says whether
    /// that one stands in a digest; `None` at the end of the message, where all parts end.
    fn body(&mut self) -> Option<bool> {
        loop {
            let before = self.position;
            let Some(BoundaryLine { boundary, last }) = self.next_boundary() else {
                break;
            };
            // the line end before a boundary belongs to the boundary, but not that of the header before the body
            let line_end = if self.position == before { 0 } else { self.line_end_before() };
            let owner = self.boundaries[boundary].part;
            self.close_until(Some(owner), self.position - line_end, self.lines - usize::from(line_end > 0));
            self.boundaries.truncate(if last { boundary } else { boundary + 1 });
            self.take_line();
            if self.line_end_before() == 0 {
                break;
            }
            if !last {
                return Some(self.parts[owner].holds == Holds::Parts { digest: true });
            }
        }
        self.close_until(None, self.message.len(), self.lines);
        None
    }

    /// Goes to the next boundary line, or to the end where there is none.
    fn next_boundary(&mut self) -> Option<BoundaryLine> {
        while !self.boundaries.is_empty() && !self.is_full() {
            if let Some(line) = self.boundary_here() {
                return Some(line);
            }
            if self.position == self.message.len() {
                return None;
            }
            self.take_line();
        }
        self.lines += memchr_iter(b'\n', self.rest()).count();
        self.position = self.message.len();
        None
    }

    fn is_full(&self) -> bool {
        self.parts.len() >= MOST_PARTS
    }

    /// The boundary whose line begins here: the longest that fits, of equal ones the innermost.
    fn boundary_here(&self) -> Option<BoundaryLine> {
        let line =
            self.rest().strip_prefix(b"--").filter(|_| !self.boundaries.is_empty() && !self.is_full())?;
        let (text, dashed) = match memchr(b'\n', line) {
            Some(end) => {
                let text = line[..end].strip_suffix(b"\r").unwrap_or(&line[..end]);
                (text, text.len() > 2 && text.ends_with(b"--"))
            }
            None => (&line[..line.len().min(LONGEST_OPEN_LINE)], false),
        };
        let mut best: Option<(usize, usize)> = None;
        for (index, Boundary { text: boundary, .. }) in self.boundaries.iter().enumerate().rev() {
            if text.starts_with(boundary) && best.is_none_or(|(_, length)| length < boundary.len()) {
                best = Some((index, boundary.len()));
                if boundary.len() == text.len() || (dashed && boundary.len() + 2 == text.len()) {
                    break; // `a--` is the end of `a` rather than the `a--` of an outer multipart
                }
            }
        }
        best.map(|(boundary, length)| BoundaryLine { boundary, last: line[length..].starts_with(b"--") })
    }

    /// Closes the parts within that one, or all, at an offset before which stand so many line ends.
    fn close_until(&mut self, owner: Option<usize>, end: usize, lines: usize) {
        while let Some(index) = self.open.pop_if(|index| Some(*index) != owner) {
            let part = &mut self.parts[index];
            if part.bodiless {
                part.lines = 0;
            } else {
                part.body_end = end;
                part.lines = lines - part.lines;
            }
        }
    }

    fn into_tree(mut self) -> Part {
        let mut held: Vec<Vec<(Option<Envelope>, Part)>> = self.parts.iter().map(|_| Vec::new()).collect();
        loop {
            // from the end: what a part holds stands behind it
            let (Some(mut draft), Some(mut within)) = (self.parts.pop(), held.pop()) else {
                unreachable!("the message is a part");
            };
            let content = match draft.holds {
                Holds::Message => match within.pop() {
                    Some((envelope, part)) => {
                        Content::Message(Box::new(envelope.unwrap_or_default()), Box::new(part))
                    }
                    None => Content::Leaf,
                },
                Holds::Parts { .. } => {
                    Content::Multipart(within.into_iter().rev().map(|(_, part)| part).collect())
                }
                Holds::Text | Holds::Other | Holds::TooMuch => Content::Leaf,
            };
            let (parent, envelope) = (draft.parent, draft.envelope.take());
            let part = draft.into_part(content);
            match parent {
                Some(parent) => held[parent].push((envelope, part)),
                None => return part,
            }
        }
    }
}

impl Draft {
    fn into_part(self, content: Content) -> Part {
        let fields = self.content;
        Part {
            body: self.header.end..self.body_end,
            header: self.header,
            lines: self.lines,
            media: fields.media.unwrap_or_else(|| media(None, Holds::Text)),
            id: fields.id,
            description: fields.description,
            encoding: fields.encoding.unwrap_or(Bytes::from_static(b"7bit")),
            md5: fields.md5,
            disposition: fields.disposition,
            language: fields.language,
            location: fields.location,
            content,
        }
    }
}

fn holds(media: Option<&MediaType>, role: Role) -> Holds {
    let Some(media) = media else {
        return if role == (Role::Part { digest: true }) { Holds::Message } else { Holds::Text };
    };
    match (media.kind.to_ascii_lowercase().as_slice(), media.subtype.to_ascii_lowercase().as_slice()) {
        (b"text", _) => Holds::Text,
        (b"message", b"rfc822") => Holds::Message,
        (b"multipart", b"") => Holds::TooMuch,
        (b"multipart", subtype) => Holds::Parts { digest: subtype == b"digest" },
        _ => Holds::Other,
    }
}

fn boundary(media: &MediaType) -> Option<Vec<u8>> {
    let (_, value) = media.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"boundary"))?;
    Some(value[..value.len().min(LONGEST_BOUNDARY)].to_vec())
}

/// The Content-Type that a part is shown with.
fn media(written: Option<MediaType>, holds: Holds) -> MediaType {
    let (kind, subtype): (&'static [u8], &'static [u8]) = match holds {
        Holds::Message => (b"message", b"rfc822"),
        Holds::TooMuch => (b"application", b"octet-stream"),
        _ => (b"text", b"plain"),
    };
    let (kind, subtype) = (Bytes::from_static(kind), Bytes::from_static(subtype));
    let mut media = match written {
        None => MediaType { kind, subtype, parameters: Vec::new() },
        Some(written) if matches!(holds, Holds::Message | Holds::TooMuch) => {
            MediaType { kind, subtype, ..written }
        }
        Some(written) => written,
    };
    if holds == Holds::Text && !media.parameters.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"charset"))
    {
        media.parameters.push((Bytes::from_static(b"charset"), Bytes::from_static(b"us-ascii")));
    }
    media
}
