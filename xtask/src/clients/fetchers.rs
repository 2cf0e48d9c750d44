//! The programs that fetch mail and put it elsewhere: fetchmail and getmail over IMAP and POP3, mpop over POP3. Each leaves the
//! mail there once, finds nothing new, and then takes it away for every later connection.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::host::Host;
use super::maildir::Keeps;
use super::{Scene, maildir};
use crate::imap::Client;

const MAIL: &str = "From: there@client.test\r\nTo: admin@example.com\r\nSubject: new\r\n\r\nOne line.\r\n";

pub(super) fn fetchmail_imap(scene: &Scene) -> Result<String> {
    fetchmail(scene, "imap")
}

pub(super) fn fetchmail_pop3(scene: &Scene) -> Result<String> {
    fetchmail(scene, "pop3")
}

pub(super) fn getmail_imap(scene: &Scene) -> Result<String> {
    getmail(scene, "imap", "SimpleIMAPRetriever")
}

pub(super) fn getmail_pop3(scene: &Scene) -> Result<String> {
    getmail(scene, "pop3", "SimplePOP3Retriever")
}

/// fetchmail: `keep`, again, `nokeep`, again.
fn fetchmail(scene: &Scene, protocol: &str) -> Result<String> {
    let host = scene.host()?;
    let near = maildir_of(scene, protocol)?;
    let port = if protocol == "imap" { host.imap.port() } else { host.pop3.port() };
    let deliver = format!("sh -c 'cat > $(mktemp {}/new/XXXXXX)'", near.display());
    let configured = |name: &str, options: &str| {
        let line = format!(
            "set no bouncemail\npoll 127.0.0.1 service {port} protocol {protocol} auth password uidl\n\
                 user admin password admin sslproto '' norewrite {options} mda \"{deliver}\"\n"
        );
        let line = if protocol == "imap" { line.replace(" uidl\n", "\n") } else { line };
        private(scene, name, &line)
    };
    let (keep, take) = (configured("keep", "keep")?, configured("take", "nokeep fetchall")?);
    let run = |configuration: &Path| {
        let mut command = Command::new("fetchmail");
        command.env("HOME", scene.folder()).args(["--invisible", "--nosyslog", "-f"]).arg(configuration);
        command.arg("-i").arg(scene.folder().join("ids")).arg("--pidfile").arg(scene.folder().join("pid"));
        command
    };
    // Over IMAP it fetches what is not \Seen, unless it is told to fetch all.
    let first = if protocol == "imap" { configured("first", "keep fetchall")? } else { keep.clone() };
    host.watch(&mut run(&first))?;
    same(&host, &near, Keeps::Octets, 12)?;
    // It ends with 1 where there was nothing to fetch.
    host.watch_ending(&mut run(&keep), 1)?;
    same(&host, &near, Keeps::Octets, 12)?;
    host.watch(&mut run(&take))?;
    ensure!(maildir::read(&near)?.len() == 24, "{protocol}: not everything came with nokeep");
    ensure!(left(&host)? == 0, "{protocol}: {} messages are left", left(&host)?);
    host.watch_ending(&mut run(&take), 1)?;
    host.finish()
}

/// fetchmail with `idle`: a mail that comes while it waits is there soon.
pub(super) fn fetchmail_idle(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let near = maildir_of(scene, "idle")?;
    let configuration = private(
        scene,
        "idle",
        &format!(
            "set no bouncemail\npoll 127.0.0.1 service {} protocol imap auth password user admin password admin\n\
             sslproto '' norewrite keep idle mda \"sh -c 'cat > $(mktemp {}/new/XXXXXX)'\"\n",
            host.imap.port(),
            near.display()
        ),
    )?;
    let mut command = Command::new("fetchmail");
    command.env("HOME", scene.folder()).args(["--invisible", "--nosyslog", "-f"]).arg(&configuration);
    command.arg("--pidfile").arg(scene.folder().join("pid")).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let watched = Host::until("fetchmail waits", || Ok(host.has_said(b"IDLE\r\n"))).and_then(|()| {
        let mut client = Client::connect(host.direct)?;
        client.command("LOGIN admin admin")?.ok()?;
        client.command(&format!("APPEND INBOX {{{}+}}\r\n{MAIL}", MAIL.len()))?.ok()?;
        let is_it = |mail: &maildir::Mail| mail.octets == MAIL.as_bytes();
        Host::until("the mail is here, whole", || Ok(maildir::read(&near)?.iter().any(is_it)))
    });
    // It waits for ever.
    child.kill()?;
    child.wait()?;
    watched?;
    host.finish()
}

/// getmail, with and without `delete`.
fn getmail(scene: &Scene, protocol: &str, retriever: &str) -> Result<String> {
    let host = scene.host()?;
    let near = maildir_of(scene, protocol)?;
    let port = if protocol == "imap" { host.imap.port() } else { host.pop3.port() };
    let state = scene.folder().join(format!("getmail-{protocol}"));
    fs::create_dir_all(&state)?;
    let run = |delete: bool| -> Result<Command> {
        let text = format!(
            "[retriever]\ntype = {retriever}\nserver = 127.0.0.1\nport = {port}\nusername = admin\n\
                 password = admin\ntimeout = 20\n\n[destination]\ntype = MDA_external\npath = /bin/sh\n\
                 arguments = (\"-c\", \"cat > $(mktemp {}/new/XXXXXX)\")\nallow_root_commands = true\n\n\
                 [options]\nread_all = false\ndelete = {delete}\ndelivered_to = false\nreceived = false\nverbose = 1\n",
            near.display()
        );
        fs::write(state.join("getmailrc"), text)?;
        let mut command = Command::new("getmail");
        command.arg("--getmaildir").arg(&state).env("HOME", scene.folder());
        Ok(command)
    };
    host.watch(&mut run(false)?)?;
    same(&host, &near, Keeps::Body, 12)?;
    host.watch(&mut run(false)?)?;
    same(&host, &near, Keeps::Body, 12)?;
    host.watch(&mut run(true)?)?;
    same(&host, &near, Keeps::Body, 12)?;
    ensure!(left(&host)? == 0, "{protocol}: {} messages are left", left(&host)?);
    host.watch(&mut run(true)?)?;
    host.finish()
}

/// mpop with `keep off`.
pub(super) fn mpop(scene: &Scene) -> Result<String> {
    let host = scene.host()?;
    let near = maildir_of(scene, "mpop")?;
    let run = |keep: &str| -> Result<Command> {
        let text = format!(
            "account host\nhost 127.0.0.1\nport {}\nuser admin\npassword admin\nauth user\ntls off\nkeep {keep}\n\
             received_header off\nuidls_file {}\ndelivery maildir {}\n",
            host.pop3.port(),
            scene.folder().join("uidls").display(),
            near.display()
        );
        let mut command = Command::new("mpop");
        command.arg("-C").arg(private(scene, "mpoprc", &text)?).arg("host").env("HOME", scene.folder());
        Ok(command)
    };
    host.watch(&mut run("on")?)?;
    same(&host, &near, Keeps::Octets, 12)?;
    host.watch(&mut run("off")?)?;
    same(&host, &near, Keeps::Octets, 12)?;
    ensure!(left(&host)? == 0, "{} messages are left", left(&host)?);
    host.watch(&mut run("off")?)?;
    host.finish()
}

/// An empty Maildir.
fn maildir_of(scene: &Scene, name: &str) -> Result<PathBuf> {
    let folder = scene.folder().join(format!("mail-{name}"));
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(folder.join(part))?;
    }
    Ok(folder)
}

/// A file with a password in it, that nobody else can read.
fn private(scene: &Scene, name: &str, text: &str) -> Result<PathBuf> {
    let path = scene.folder().join(name);
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(path)
}

/// Every message of INBOX came once, whole.
fn same(host: &Host<'_>, near: &Path, keeps: Keeps, count: usize) -> Result<()> {
    let (begun, here) = (host.corpus()?, maildir::read(near)?);
    ensure!(here.len() == count, "{} messages came, {count} are there", here.len());
    let (begun, here) = (maildir::texts(&begun["INBOX"], keeps), maildir::texts(&here, keeps));
    for mail in &begun {
        ensure!(here.contains(mail), "did not come whole: {}", String::from_utf8_lossy(mail));
    }
    Ok(())
}

/// How many messages the next connection finds in INBOX.
fn left(host: &Host<'_>) -> Result<usize> {
    let mut client = Client::connect(host.direct)?;
    client.command("LOGIN admin admin")?.ok()?;
    let said = client.command("EXAMINE INBOX")?.ok()?.text();
    let count = said.lines().find_map(|line| line.strip_prefix("* ")?.strip_suffix(" EXISTS"));
    Ok(count.unwrap_or_default().parse()?)
}
