//! The programs that the client scenarios need: found, or installed where this machine allows it.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command;

/// A program, and the Debian package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Program {
    /// As it is called, or where it is.
    pub(crate) name: &'static str,
    /// What to install.
    pub(crate) package: &'static str,
}

/// What the tests of the crates need: a real Dovecot reads what `bait export` writes, tshark what `replay` does.
pub(crate) const OF_TESTS: [Program; 2] = [
    Program { name: "/usr/lib/dovecot/imap", package: "dovecot-imapd" },
    Program { name: "tshark", package: "tshark" },
];

/// The longest that an installation may take.
const LIMIT: Duration = Duration::from_mins(10);

/// Which of these programs can be used; installs the missing ones when root on a machine with apt.
pub(crate) fn provide(wanted: BTreeSet<Program>) -> BTreeSet<Program> {
    let missing: Vec<Program> = wanted.iter().copied().filter(|program| !on_path(program.name)).collect();
    if missing.is_empty() {
        return wanted;
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    if is_root() && on_path("apt-get") {
        println!("-- installing {}", packages.join(", "));
        let _quiet = NoServices::begin();
        apt(&["update", "-qq"]);
        apt(&[&["install", "-y", "-qq", "--no-install-recommends"][..], &packages].concat());
    } else {
        println!("-- missing (as root: apt-get install {})", packages.join(" "));
    }
    wanted.into_iter().filter(|program| on_path(program.name)).collect()
}

/// While this exists, an installed package starts no service (Debian's `policy-rc.d`; one that is there stays as it is).
struct NoServices(Option<&'static Path>);

impl NoServices {
    fn begin() -> Self {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        let ours = !policy.exists()
            && std::fs::write(policy, "#!/bin/sh\nexit 101\n").is_ok()
            && std::fs::set_permissions(policy, std::fs::Permissions::from_mode(0o755)).is_ok();
        Self(ours.then_some(policy))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.0 {
            let _ = std::fs::remove_file(policy);
        }
    }
}

/// Says what apt printed when it fails; what is then still missing is skipped by name.
fn apt(arguments: &[&str]) {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    match command::lines(&mut command, LIMIT, |_| {}) {
        Ok((status, _)) if status.success() => {}
        Ok((status, text)) => println!("   apt-get {} ({status})\n{}", arguments.join(" "), text.trim_end()),
        Err(error) => println!("   {error:#}"),
    }
}

/// Whether it can be called.
pub(crate) fn on_path(name: &str) -> bool {
    if name.starts_with('/') {
        return Path::new(name).is_file();
    }
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| Path::new(&folder).join(name).is_file())
    })
}

/// Whether this process runs as root: the effective user of `/proc/self/status`.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("Uid:")).and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0")
}
