//! mutt and neomutt, whose keys are pressed by a script, in a terminal that `script` makes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Scene, maildir};
use crate::imap::Client;

/// Reads the first message, flags the second, deletes the third, files the fourth away, and lets the changes be made;
/// then reads the last one and leaves.
const KEYS: &str = "<first-entry><display-message><exit><next-entry><flag-message>3<enter><delete-message>\
    4<enter><save-message>=Archive<enter><sync-mailbox><last-entry><display-message><exit><quit>";

pub(super) fn mutt(scene: &Scene) -> Result<String> {
    run(scene, "mutt")
}

pub(super) fn neomutt(scene: &Scene) -> Result<String> {
    run(scene, "neomutt")
}

fn run(scene: &Scene, program: &str) -> Result<String> {
    let host = scene.host()?;
    let configuration = scene.folder().join("muttrc");
    let url = format!("imap://admin@{}", host.imap);
    std::fs::write(
        &configuration,
        format!(
            "set folder=\"{url}/\"\nset spoolfile=\"{url}/INBOX\"\nset imap_pass=admin\nset ssl_starttls=no\n\
             set ssl_force_tls=no\nset wait_key=no\nset delete=yes\nset move=no\nset confirmappend=no\n\
             set sleep_time=0\nset sort=mailbox-order\nset record=\"\"\nset imap_keepalive=300\n"
        ),
    )?;
    let given = host.watch(&mut typed(program, &configuration, scene.folder()))?;
    for word in ["SELECT \"INBOX\"", "UID STORE", "UID COPY", "EXPUNGE", "CLOSE"] {
        ensure!(given.iter().any(|line| line.contains(word)), "no {word} among {given:?}");
    }
    let begun = host.corpus()?;
    let mut client = Client::connect(host.direct)?;
    client.command("LOGIN admin admin")?.ok()?;
    let left = maildir::far(&mut client)?;
    let count = |name: &str| (begun[name].len(), left.get(name).map_or(0, Vec::len));
    ensure!(count("INBOX") == (12, 10), "INBOX: {:?}", count("INBOX"));
    let (before, after) = count("Archive");
    ensure!(after == before + 1, "Archive: {before} messages, then {after}");
    let filed =
        left["Archive"].iter().find(|mail| begun["INBOX"].iter().any(|old| old.octets == mail.octets));
    filed.context("what was filed is not what there was")?;
    let flagged = |mails: &[maildir::Mail]| mails.iter().filter(|mail| mail.flags.contains('F')).count();
    let (before, after) = (flagged(&begun["INBOX"]), flagged(&left["INBOX"]));
    ensure!(after == before + 1, "{after} flagged messages, {before} at the beginning");
    host.finish()
}

/// The program in a terminal.
fn typed(program: &str, configuration: &Path, home: &Path) -> Command {
    let line = format!("{program} -F {} -e 'push \"{KEYS}\"'", configuration.display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    command.env("TERM", "xterm").env("HOME", home);
    command
}
