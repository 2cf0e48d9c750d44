//! Where a persona's files come from: the binary itself, or a folder of the operator's.
//!
//! Reads whole files within limits and follows no link. What the files mean is for `manifest.rs` and `template.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::error::PersonaError;

/// Octets of the largest file.
pub const MAX_FILE: u64 = 8 * 1024 * 1024;
/// Octets of all files together.
pub const MAX_TOTAL: u64 = 256 * 1024 * 1024;
/// Messages in all mailboxes together.
pub const MAX_MESSAGES: usize = 10_000;
/// Entries that a folder may have, whatever they are.
const MAX_ENTRIES: usize = 2 * MAX_MESSAGES;

static COMPANY_INTERNAL: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../personas/company-internal");

/// The files of a persona.
#[derive(Debug, Clone)]
pub enum Source {
    /// Built into the binary.
    Embedded(&'static Dir<'static>),
    /// A folder that holds `persona.toml` and `mailboxes`.
    Directory(PathBuf),
}

/// All files that a persona consists of.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// `persona.toml`.
    pub(crate) manifest: String,
    /// For each folder of `mailboxes`: its messages by file name, ascending.
    pub(crate) mailboxes: BTreeMap<String, Vec<File>>,
}

/// One file of text. Line ends are line feeds.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path within the persona.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// An entry of a folder.
enum Entry {
    File,
    Folder,
    Other(&'static str),
}

impl Source {
    /// The persona `company-internal`, built into the binary.
    pub fn builtin() -> Self {
        Self::Embedded(&COMPANY_INTERNAL)
    }

    /// Reads everything, within the limits.
    pub(crate) fn files(&self) -> Result<Files, PersonaError> {
        let mut total = 0;
        let mut messages = 0;
        let mut files = Files::default();
        if let Self::Directory(root) = self
            && !root.is_dir()
        {
            let remedy = "name a folder that holds persona.toml and mailboxes";
            return Err(unexpected(root.display().to_string(), "is not a folder", remedy));
        }
        let top = self.list("")?;
        match top.get("persona.toml") {
            Some(Entry::File) => {}
            None => {
                return Err(PersonaError::Missing { path: self.shown("persona.toml") });
            }
            Some(_) => {
                return Err(unexpected(
                    self.shown("persona.toml"),
                    "is no regular file",
                    "put the file itself there",
                ));
            }
        }
        files.manifest = self.text("persona.toml", &mut total)?;
        match top.get("mailboxes") {
            None => return Ok(files),
            Some(Entry::Folder) => {}
            Some(_) => {
                return Err(unexpected(
                    self.shown("mailboxes"),
                    "is not a folder",
                    "make it a folder of mailboxes",
                ));
            }
        }
        for (mailbox, entry) in self.list("mailboxes")? {
            let folder = format!("mailboxes/{mailbox}");
            if !matches!(entry, Entry::Folder) {
                return Err(unexpected(
                    folder,
                    "is not a folder",
                    "`mailboxes` holds one folder for each mailbox",
                ));
            }
            let mut found = Vec::new();
            for (name, entry) in self.list(&folder)? {
                let path = format!("{folder}/{name}");
                message_file(&path, &entry)?;
                messages += 1;
                if messages > MAX_MESSAGES {
                    let what = format!("message {messages}");
                    return Err(PersonaError::TooMuch {
                        path,
                        what,
                        limit: format!("{MAX_MESSAGES} messages"),
                    });
                }
                let text = self.text(&path, &mut total)?;
                found.push(File { path, text });
            }
            files.mailboxes.insert(mailbox, found);
        }
        Ok(files)
    }

    /// What is in a folder, by name. Names that begin with a dot do not count.
    fn list(&self, folder: &str) -> Result<BTreeMap<String, Entry>, PersonaError> {
        let mut entries = BTreeMap::new();
        let mut add = |path: &Path, entry| -> Result<(), PersonaError> {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name else {
                let remedy = "rename it";
                return Err(unexpected(path.display().to_string(), "has a name that is not UTF-8", remedy));
            };
            if entries.len() >= MAX_ENTRIES {
                let (path, what) = (folder.to_owned(), "too many entries".to_owned());
                return Err(PersonaError::TooMuch { path, what, limit: format!("{MAX_ENTRIES} entries") });
            }
            if !name.starts_with('.') {
                entries.insert(name.to_owned(), entry);
            }
            Ok(())
        };
        match self {
            Self::Embedded(root) => {
                let dir = if folder.is_empty() { Some(*root) } else { root.get_dir(folder) };
                for entry in dir.into_iter().flat_map(Dir::entries) {
                    add(entry.path(), if entry.as_dir().is_some() { Entry::Folder } else { Entry::File })?;
                }
            }
            Self::Directory(root) => {
                let unreadable = |source| PersonaError::Unreadable { path: self.shown(folder), source };
                for entry in fs::read_dir(root.join(folder)).map_err(unreadable)? {
                    let entry = entry.map_err(unreadable)?;
                    // Of the entry itself: a link is seen as a link.
                    let kind = entry.file_type().map_err(unreadable)?;
                    let entry_kind = match kind {
                        kind if kind.is_file() => Entry::File,
                        kind if kind.is_dir() => Entry::Folder,
                        kind if kind.is_symlink() => Entry::Other("is a symbolic link"),
                        _ => Entry::Other("is no regular file"),
                    };
                    add(&entry.path(), entry_kind)?;
                }
            }
        }
        Ok(entries)
    }

    /// The text of a file, CRLF made LF.
    fn text(&self, path: &str, total: &mut u64) -> Result<String, PersonaError> {
        let bytes = match self {
            Self::Embedded(root) => match root.get_file(path) {
                Some(file) => file.contents().to_vec(),
                None => {
                    return Err(PersonaError::Missing { path: self.shown(path) });
                }
            },
            Self::Directory(root) => {
                let unreadable = |source| PersonaError::Unreadable { path: self.shown(path), source };
                let file = fs::File::open(root.join(path)).map_err(unreadable)?;
                let mut bytes = Vec::new();
                file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
                bytes
            }
        };
        *total += bytes.len() as u64;
        if bytes.len() as u64 > MAX_FILE {
            let (path, what) = (self.shown(path), "too large".to_owned());
            return Err(PersonaError::TooMuch { path, what, limit: format!("{MAX_FILE} octets in a file") });
        }
        if *total > MAX_TOTAL {
            let (path, what) = (self.shown(path), "too much in all".to_owned());
            return Err(PersonaError::TooMuch {
                path,
                what,
                limit: format!("{MAX_TOTAL} octets in all files"),
            });
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let lines = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = 1 + memchr::memchr_iter(b'\n', lines).count();
            let remedy = "save it as UTF-8; write other octets in quoted-printable or base64";
            unexpected(self.shown(path), &format!("line {line} is not UTF-8"), remedy)
        })?;
        if !text.contains('\r') {
            return Ok(text);
        }
        let text = text.replace("\r\n", "\n");
        match text.find('\r') {
            None => Ok(text),
            Some(at) => {
                let what =
                    format!("line {} has a carriage return within it", super::error::line_of(&text, at));
                Err(unexpected(self.shown(path), &what, "end lines with a line feed"))
            }
        }
    }

    /// A path as errors show it: within the operator's folder, with the folder where the file is at the top.
    fn shown(&self, path: &str) -> String {
        match self {
            Self::Directory(root) if !path.contains('/') => root.join(path).display().to_string(),
            _ => path.to_owned(),
        }
    }
}

/// Only regular files whose name ends in `.eml` are messages.
fn message_file(path: &str, entry: &Entry) -> Result<(), PersonaError> {
    let remedy = "a mailbox's folder holds messages only, regular files whose names end in .eml";
    match entry {
        Entry::File if Path::new(path).extension().is_some_and(|extension| extension == "eml") => Ok(()),
        Entry::File => Err(unexpected(path.to_owned(), "is no message", remedy)),
        Entry::Folder => Err(unexpected(path.to_owned(), "is a folder", remedy)),
        Entry::Other(what) => Err(unexpected(path.to_owned(), what, remedy)),
    }
}

fn unexpected(path: String, what: &str, remedy: &'static str) -> PersonaError {
    PersonaError::Unexpected { path, what: what.to_owned(), remedy }
}
