//! The data directory: one owner at a time, and the identity of this installation.
//!
//! `installation.toml` is written once, at the first start; the corpus's dates and UIDs come from it, so that a restart
//! changes nothing that an intruder sees. The evidence in the directory is the `store` crate's.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bait::persona::Installation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Holds the identity.
const INSTALLATION: &str = "installation.toml";
/// Locked by the server that uses the directory.
const LOCK: &str = "serve.lock";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// A file or folder cannot be made, read or written.
    #[error("{}: cannot {what}: {cause}; data-dir must be a folder that this user may write to", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What came of it.
        cause: io::Error,
    },
    /// Another server runs on it.
    #[error("{}: another honeypost is running on this data directory; stop it, or choose another with --data-dir", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The identity is damaged.
    #[error("{}: {what}; restore the file from a backup, or remove it to begin as a new installation (the dates and UIDs of the \
             bait mail then change)", path.display())]
    Damaged {
        /// `installation.toml`.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Two first starts at the same time.
    #[error("{}: another honeypost set this data directory up at the same moment; start again", path.display())]
    Overtaken {
        /// The directory.
        path: PathBuf,
    },
}

/// `installation.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Identity {
    moment: String,
    seed: String,
    uid_validity: u32,
    created_by: String,
}

const PREFACE: &str = "\
# Made by Honeypost at its first start. Keep it: the dates, UIDs and message ids of the bait mail come from here,
# and another identity would show an intruder who returns another mailbox.
";

/// An open data directory; unlocked when dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// The identity that a directory has, if there is one. Changes nothing.
pub(crate) fn installation(path: &Path) -> Result<Option<Installation>, DataDirError> {
    let file = path.join(INSTALLATION);
    match fs::read(&file) {
        Ok(bytes) => parse(&bytes).map(Some).map_err(|what| DataDirError::Damaged { path: file, what }),
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(cause) => Err(DataDirError::Io { path: file, what: "read the installation's identity", cause }),
    }
}

/// A new identity, of now.
pub(crate) fn new_installation() -> Installation {
    // Kept in whole seconds, so that what is read back is the same.
    let seconds = Timestamp::now().as_second();
    Installation {
        moment: Timestamp::from_second(seconds).expect("a clock's time is in range"),
        seed: rand::random(),
        uid_validity: u32::try_from(seconds).unwrap_or(1),
    }
}

impl DataDir {
    /// Takes the directory, makes it where there is none, and gives it this identity where it has none.
    pub(crate) fn open(path: &Path, identity: &Installation) -> Result<Self, DataDirError> {
        let io = |what| move |cause| DataDirError::Io { path: path.to_owned(), what, cause };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io("make the data directory"))?;
        let mode = fs::metadata(path).map_err(io("look at the data directory"))?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "other users of this machine may look into the data directory; chmod 700 it");
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(io("open its lock file"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(cause)) => return Err(io("lock the data directory")(cause)),
        }
        match installation(path)? {
            None => write(path, identity).map_err(io("write the installation's identity"))?,
            Some(kept) if kept == *identity => {}
            Some(_) => return Err(DataDirError::Overtaken { path: path.to_owned() }),
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn parse(bytes: &[u8]) -> Result<Installation, String> {
    let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let identity: Identity = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let moment = identity.moment.parse().map_err(|_| format!("moment = {:?} is no time", identity.moment))?;
    let seed = unhex(&identity.seed).ok_or("seed is not 64 hexadecimal digits")?;
    if identity.uid_validity == 0 {
        return Err("uid-validity must not be 0".into());
    }
    Ok(Installation { moment, seed, uid_validity: identity.uid_validity })
}

/// Writes the identity so that it is there whole or not at all, whenever the machine stops.
fn write(directory: &Path, installation: &Installation) -> io::Result<()> {
    let identity = Identity {
        moment: installation.moment.to_string(),
        seed: hex(&installation.seed),
        uid_validity: installation.uid_validity,
        created_by: concat!("honeypost ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let text = toml::to_string(&identity).map_err(io::Error::other)?;
    let unfinished = directory.join("installation.toml.new");
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
    file.write_all(PREFACE.as_bytes())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(INSTALLATION))?;
    File::open(directory)?.sync_all()
}

fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/data");
        assert_eq!(installation(&path).expect("nothing is no mistake"), None);
        let identity = new_installation();
        drop(DataDir::open(&path, &identity).expect("made"));
        assert_eq!(installation(&path).expect("whole"), Some(identity));
        assert_eq!(fs::metadata(&path).expect("made").permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join(INSTALLATION)).expect("made").permissions().mode() & 0o777, 0o600);
        drop(DataDir::open(&path, &identity).expect("opened again"));
        assert!(matches!(DataDir::open(&path, &new_installation()), Err(DataDirError::Overtaken { .. })));
    }

    #[test]
    fn one_server_a_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = new_installation();
        let _first = DataDir::open(folder.path(), &identity).expect("made");
        assert!(matches!(DataDir::open(folder.path(), &identity), Err(DataDirError::Locked { .. })));
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        DataDir::open(folder.path(), &new_installation()).expect("made");
        let file = folder.path().join(INSTALLATION);
        let good = fs::read_to_string(&file).expect("written");
        let seed = good.lines().find(|line| line.starts_with("seed")).expect("a seed").to_owned();
        for (damaged, what) in [
            (String::new(), "missing field"),
            (good.replace("moment = \"2", "moment = \"x"), "moment"),
            (good.replace(&seed, "seed = \"00\""), "seed"),
            (good.replace(&seed, &format!("seed = \"{}\"", "+1".repeat(32))), "seed"),
            (good.replace("uid-validity = ", "uid-validity = -"), "uid-validity"),
        ] {
            fs::write(&file, damaged).expect("writable");
            let error = installation(folder.path()).expect_err(what).to_string();
            assert!(error.contains(what) || error.contains("invalid value"), "{what}: {error}");
            assert!(error.contains("installation.toml") && !error.contains('\n'), "{error}");
        }
    }
}
