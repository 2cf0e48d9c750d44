//! Dovecot as Debian configures it, but for what is marked.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::fidelity::Service;
use crate::fidelity::oracle::{OWNER, USERS, homes, kept, user_id};

/// What `doveconf -n` of an untouched Debian 12 prints, without its places.
const DEBIAN: &str = r#"mail_privileged_group = mail
namespace inbox {
  inbox = yes
  location =
  mailbox Drafts {
    special_use = \Drafts
  }
  mailbox Junk {
    special_use = \Junk
  }
  mailbox Sent {
    special_use = \Sent
  }
  mailbox "Sent Messages" {
    special_use = \Sent
  }
  mailbox Trash {
    special_use = \Trash
  }
  prefix =
}
ssl = yes
ssl_client_ca_dir = /etc/ssl/certs
ssl_dh = </usr/share/dovecot/dh.pem
"#;

/// Serves the mailboxes. The home of a user is one for each source address, so that sessions do not meet.
///
/// Changed from Debian's: places, ports, one listener; users from a file; passwords without TLS; Maildir instead of mbox.
pub(super) fn mail(place: &Path, service: Service, address: SocketAddr) -> Result<Command> {
    let protocol = service.name();
    let (homes, port) = (homes(place), address.port());
    let listeners = match service {
        Service::Imap => ["imap", "imaps"],
        _ => ["pop3", "pop3s"],
    };
    let [plain, tls] = listeners;
    let changed = format!(
        "protocols = {protocol}\nauth_mechanisms = plain\nlisten = {}\nmail_location = maildir:~/Maildir\n\
         userdb {{\n  driver = static\n  args = uid={OWNER} gid={OWNER} home={}/%r/%u\n}}\n\
         service {protocol}-login {{\n  inet_listener {plain} {{\n    port = {port}\n  }}\n  \
         inet_listener {tls} {{\n    port = 0\n  }}\n}}\n",
        address.ip(),
        homes.display(),
    );
    command(&place.join("dovecot"), place, &changed, &USERS)
}

/// Checks passwords for Postfix, at this socket; `admin` alone may send.
pub(super) fn passwords(place: &Path, socket: &Path) -> Result<Command> {
    let changed = format!(
        "protocols =\nauth_mechanisms = plain login\nuserdb {{\n  driver = static\n  args = uid={OWNER} gid={OWNER} \
         home=/nonexistent\n}}\nservice auth {{\n  unix_listener {} {{\n    mode = 0660\n    user = postfix\n    \
         group = postfix\n  }}\n}}\n",
        socket.display(),
    );
    command(&place.join("dovecot"), place, &changed, &USERS[..1])
}

fn command(folder: &Path, place: &Path, changed: &str, users: &[(&str, &str)]) -> Result<Command> {
    fs::create_dir_all(folder)?;
    let passwords = folder.join("users");
    let mut lines = String::new();
    for (user, password) in users {
        let _ = writeln!(lines, "{user}:{{PLAIN}}{password}::::::");
    }
    fs::write(&passwords, lines)?;
    fs::set_permissions(&passwords, Permissions::from_mode(0o400))?;
    std::os::unix::fs::chown(&passwords, Some(user_id("dovecot")?), None)?;
    let at = place.display();
    let run = folder.join("run");
    let common = format!(
        "ssl_cert = <{at}/cert.pem\nssl_key = <{at}/key.pem\nbase_dir = {run}\nstate_dir = {run}-state\n\
         instance_name = fidelity\nlog_path = {at}/dovecot.log\ndisable_plaintext_auth = no\n\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u {}\n}}\n",
        passwords.display(),
        run = run.display(),
    );
    let configuration = folder.join("dovecot.conf");
    fs::write(&configuration, format!("{DEBIAN}{common}{changed}"))?;
    let mut command = kept("/usr/sbin/dovecot");
    command.arg("-F").arg("-c").arg(configuration);
    Ok(command)
}
