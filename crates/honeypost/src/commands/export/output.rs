//! Where an export goes: standard output, or a file that appears whole or not at all.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use crate::terminal;

/// What is written, for those who look at it on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole lines of JSON.
    Json,
    /// Whole lines of anything else.
    Text,
}

/// The open output.
pub(super) enum Output {
    /// With what came from a peer made visible, where it goes to a terminal.
    Standard { out: BufWriter<StdoutLock<'static>>, terminal: Option<Kind> },
    /// A file beside its later place (mode 0600), gone where it is dropped.
    File { out: BufWriter<NamedTempFile>, path: PathBuf },
}

impl Output {
    /// Standard output, or a file of this name to be.
    pub(super) fn open(path: Option<&Path>, kind: Kind) -> anyhow::Result<Self> {
        let Some(path) = path else {
            let stdout = io::stdout();
            let terminal = stdout.is_terminal().then_some(kind);
            return Ok(Self::Standard { out: BufWriter::new(stdout.lock()), terminal });
        };
        // What is there is replaced: never a device, a folder or a link to something else.
        if let Ok(there) = fs::symlink_metadata(path)
            && !there.is_file()
        {
            bail!("--output {}: is there and no ordinary file; name another", path.display());
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file =
            NamedTempFile::with_prefix_in(".honeypost-export-", folder).with_context(|| unwritable(path))?;
        Ok(Self::File { out: BufWriter::new(file), path: path.to_owned() })
    }

    /// Adds whole lines.
    pub(super) fn write(&mut self, octets: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Standard { out, terminal: None } => out.write_all(octets)?,
            Self::Standard { out, terminal: Some(Kind::Json) } => {
                let text = String::from_utf8_lossy(octets);
                for line in text.split_inclusive('\n') {
                    let line = line.strip_suffix('\n').unwrap_or(line);
                    writeln!(out, "{}", terminal::escape_json(line))?;
                }
            }
            Self::Standard { out, terminal: Some(Kind::Text) } => {
                out.write_all(terminal::escape_lines(octets).as_bytes())?;
            }
            Self::File { out, path } => out.write_all(octets).with_context(|| unwritable(path))?,
        }
        Ok(())
    }

    /// Everything is written: gives the file its name.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Standard { mut out, .. } => out.flush()?,
            Self::File { out, path } => {
                let file = out.into_inner().map_err(io::IntoInnerError::into_error);
                let file = file.with_context(|| unwritable(&path))?;
                file.as_file().sync_all().with_context(|| unwritable(&path))?;
                file.persist(&path).map_err(|error| error.error).with_context(|| unwritable(&path))?;
            }
        }
        Ok(())
    }
}

fn unwritable(path: &Path) -> String {
    format!("--output {}: cannot be written; name another place, or make room there", path.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.jsonl");
        let names = || fs::read_dir(folder.path()).expect("readable").count();
        let mut output = Output::open(Some(&path), Kind::Json).expect("opens");
        output.write(b"{}\n").expect("writes");
        assert!(!path.exists(), "it appears at the end only");
        drop(output);
        assert_eq!(names(), 0, "nothing is left of a broken export");

        fs::write(&path, "old").expect("writable");
        let mut output = Output::open(Some(&path), Kind::Json).expect("opens");
        output.write(b"{}\n").expect("writes");
        assert_eq!(fs::read(&path).expect("there"), b"old");
        output.finish().expect("finishes");
        assert_eq!((fs::read(&path).expect("there"), names()), (b"{}\n".to_vec(), 1));
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        symlink("/dev/null", &link).expect("a link");
        for path in [Path::new("/dev/null"), folder.path(), &link] {
            let error = Output::open(Some(path), Kind::Json).map(|_| ()).expect_err("refused").to_string();
            assert!(error.contains("no ordinary file; name another"), "{error}");
        }
        let error =
            Output::open(Some(Path::new("/nonexistent/x")), Kind::Json).map(|_| ()).expect_err("refused");
        assert!(
            format!("{error:#}").starts_with("--output /nonexistent/x: cannot be written; "),
            "{error:#}"
        );
    }
}
