//! Parts with their transfer encodings undone (RFC 3516), to the octet as Dovecot does it: headers too say then that all is
//! binary, and a part of an unknown encoding spoils everything around it.

use crate::mime::decode::{TransferEncoding, strict_base64};
use crate::mime::header::fields;
use crate::mime::part::{Content, Part};
use crate::mime::quoted_printable::unquote;

/// Why an encoding cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecodable {
    /// A part has an unknown Content-Transfer-Encoding.
    Unknown,
    /// What is encoded is broken.
    Broken,
    /// What is encoded ends too early.
    Short,
}

/// A part with its encoding undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Its octets.
    pub bytes: Vec<u8>,
    /// Whether an encoding was undone, or a NUL stands in it.
    pub binary: bool,
}

/// What a header with an encoding that was undone has instead.
const BINARY: &[u8] = b"Content-Transfer-Encoding: binary\r\n";

/// A part decoded, with its own header if that is wanted.
///
/// # Errors
///
/// Where one of the parts in it cannot be decoded.
pub fn decoded(message: &[u8], part: &Part, with_header: bool) -> Result<Decoded, Undecodable> {
    known(message, part)?;
    let end = part.body.end;
    let from = if with_header { part.header.start } else { part.body.start };
    let mut run =
        Run { message, out: Vec::new(), copied: from, binary: false, converted: false, sizes: Vec::new() };
    run.part(part, with_header)?;
    run.copy_to(end);
    if !run.converted {
        // Dovecot has noticed that a header said so, but gives the octets as they are.
        let end = from.saturating_add(run.out.len()).min(message.len());
        run.out = message.get(from..end).unwrap_or_default().to_vec();
    }
    Ok(Decoded { bytes: run.out, binary: run.binary })
}

/// The size of a part decoded, as Dovecot counts it: from what it notes of the whole message.
///
/// # Errors
///
/// Where any part of the message cannot be decoded.
pub fn decoded_size(
    message: &[u8],
    whole: &Part,
    part: &Part,
    with_header: bool,
) -> Result<u64, Undecodable> {
    known(message, whole)?;
    let mut run =
        Run { message, out: Vec::new(), copied: 0, binary: false, converted: false, sizes: Vec::new() };
    run.part(whole, true)?;
    // Where parts begin is counted in the file, whose lines end with a line feed, and their sizes as on the wire: what stands a
    // little behind the part counts as within it. Dovecot takes its size off, and may come out below zero.
    let wire = part.header.len() + part.body.len();
    let (mut size, mut header) = (wire as u64, part.header.len());
    run.sizes.sort_unstable_by_key(|noted| noted.start);
    let (mut counted, mut line_ends) = (part.header.start, 0);
    for noted in run.sizes.iter().filter(|noted| noted.start >= part.header.start) {
        let passed = message.get(counted..noted.start).unwrap_or_default();
        line_ends += memchr::memmem::find_iter(passed, b"\r\n").count();
        counted = noted.start;
        if noted.start - part.header.start - line_ends >= wire {
            break;
        }
        let became = (noted.header + noted.body) as u64;
        size = size.wrapping_add(became).wrapping_sub(noted.before as u64);
        if noted.start == part.header.start {
            header = noted.header;
        }
    }
    Ok(if with_header { size } else { size.wrapping_sub(header as u64) })
}

/// Whether all encodings in it are known. As deep as parts nest, which is bounded.
fn known(message: &[u8], part: &Part) -> Result<(), Undecodable> {
    if encoding(message, part) == TransferEncoding::Unknown {
        return Err(Undecodable::Unknown);
    }
    match &part.content {
        Content::Leaf => Ok(()),
        Content::Multipart(parts) => parts.iter().try_for_each(|part| known(message, part)),
        Content::Message(_, within) => known(message, within),
    }
}

/// The last Content-Transfer-Encoding of a part's header.
fn encoding(message: &[u8], part: &Part) -> TransferEncoding {
    let header = message.get(part.header.clone()).unwrap_or_default();
    let of = fields(header).filter(|field| field.is("Content-Transfer-Encoding"));
    of.map(|field| TransferEncoding::of_field(&field.text())).last().unwrap_or(TransferEncoding::Identity)
}

/// What is noted of a part whose encoding was undone.
struct Noted {
    start: usize,
    /// Header and body as they are.
    before: usize,
    /// Header and body as they became.
    header: usize,
    body: usize,
}

struct Run<'a> {
    message: &'a [u8],
    out: Vec<u8>,
    /// What stands before this was copied, or replaced.
    copied: usize,
    binary: bool,
    /// Whether a body's encoding was undone.
    converted: bool,
    sizes: Vec<Noted>,
}

impl Run<'_> {
    fn copy_to(&mut self, end: usize) {
        self.out.extend_from_slice(self.message.get(self.copied..end).unwrap_or_default());
        self.copied = self.copied.max(end);
    }

    fn part(&mut self, part: &Part, with_header: bool) -> Result<(), Undecodable> {
        let encoding = encoding(self.message, part);
        let encoded = matches!(encoding, TransferEncoding::QuotedPrintable | TransferEncoding::Base64);
        let header = self.message.get(part.header.clone()).unwrap_or_default();
        self.binary |= header.contains(&0);
        let mut header_size = part.header.len();
        if with_header && encoded {
            self.copy_to(part.header.start);
            let before = self.out.len();
            self.header(header);
            header_size = self.out.len() - before;
        } else if with_header {
            self.copy_to(part.header.end);
        }
        self.copied = part.body.start;
        let before = self.out.len();
        match &part.content {
            Content::Multipart(parts) if !parts.is_empty() => {
                parts.iter().try_for_each(|part| self.part(part, true))?;
            }
            Content::Message(_, within) => self.part(within, true)?,
            Content::Leaf | Content::Multipart(_) => {
                let body = self.message.get(part.body.clone()).unwrap_or_default();
                self.leaf(body, encoding)?;
                self.copied = part.body.end;
            }
        }
        let body_size = self.out.len() - before;
        self.copy_to(part.body.end);
        if encoded {
            let leaf = match &part.content {
                Content::Leaf => true,
                Content::Multipart(parts) => parts.is_empty(),
                Content::Message(..) => false,
            };
            self.sizes.push(Noted {
                start: part.header.start,
                before: part.header.len() + part.body.len(),
                header: header_size,
                body: if leaf { body_size } else { 0 },
            });
        }
        Ok(())
    }

    /// The header, with `binary` as its encoding.
    fn header(&mut self, header: &[u8]) {
        let mut rest = header;
        for field in fields(header) {
            if !field.is("Content-Transfer-Encoding") {
                self.out.extend_from_slice(field.raw);
            }
            rest = rest.get(field.raw.len()..).unwrap_or_default();
        }
        if !rest.is_empty() {
            self.out.extend_from_slice(BINARY);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn leaf(&mut self, body: &[u8], encoding: TransferEncoding) -> Result<(), Undecodable> {
        if body.is_empty() {
            return Ok(());
        }
        match encoding {
            TransferEncoding::QuotedPrintable => {
                let unquoted = unquote(body);
                match (unquoted.broken, unquoted.short) {
                    (true, _) => return Err(Undecodable::Broken),
                    (_, true) => return Err(Undecodable::Short),
                    _ => self.out.extend_from_slice(&unquoted.bytes),
                }
                (self.binary, self.converted) = (true, true);
            }
            TransferEncoding::Base64 => {
                self.out.extend_from_slice(&strict_base64(body)?);
                (self.binary, self.converted) = (true, true);
            }
            TransferEncoding::Identity | TransferEncoding::Unknown => {
                self.binary |= body.contains(&0);
                self.out.extend_from_slice(body);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\
        X: y\r\n\r\naGVsbG8=\r\n--b\r\n\r\nplain\r\n--b--\r\n";

    fn shown(
        message: &'static str,
        numbers: &[u32],
        with_header: bool,
    ) -> Result<(String, bool, u64), Undecodable> {
        let whole = Part::parse(&Bytes::from_static(message.as_bytes()));
        let part =
            if numbers.is_empty() { &whole } else { whole.section(numbers).expect("the part is there") };
        let found = decoded(message.as_bytes(), part, with_header)?;
        let size = decoded_size(message.as_bytes(), &whole, part, with_header)?;
        Ok((String::from_utf8_lossy(&found.bytes).into_owned(), found.binary, size))
    }

    #[test]
    fn a_whole_message_says_that_it_is_binary() {
        let expected = MIXED
            .replace(
                "Content-Transfer-Encoding: base64\r\nX: y\r\n",
                "X: y\r\nContent-Transfer-Encoding: binary\r\n",
            )
            .replace("aGVsbG8=", "hello");
        assert_eq!(shown(MIXED, &[], true), Ok((expected.clone(), true, expected.len() as u64)));
        assert_eq!(shown(MIXED, &[1], false), Ok(("hello".into(), true, 5)));
        assert_eq!(shown(MIXED, &[2], false), Ok(("plain".into(), false, 5)));
    }

    #[test]
    fn what_cannot_be_undone() {
        assert_eq!(shown("Content-Transfer-Encoding: x\r\n\r\na", &[], true), Err(Undecodable::Unknown));
        assert_eq!(
            shown("Content-Transfer-Encoding: base64\r\n\r\na*", &[1], false),
            Err(Undecodable::Broken)
        );
        assert_eq!(
            shown("Content-Transfer-Encoding: base64\r\n\r\naGVs\r\nb", &[1], false),
            Err(Undecodable::Short)
        );
    }
}
