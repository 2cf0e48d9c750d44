//! Postfix as Debian configures it, but for what is marked. Nothing that it takes leaves this machine.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command;
use crate::fidelity::Service;
use crate::fidelity::oracle::{NODE, kept, user_id};

/// Debian's list of services, before the installation changes it.
const MASTER: &str = "/usr/share/postfix/master.cf.dist";
/// Debian's `main.cf` for an "Internet Site".
const DEBIAN: &str = "smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6
smtpd_tls_security_level = may
smtp_tls_CApath = /etc/ssl/certs
smtp_tls_security_level = may
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
mydestination = $myhostname, example.com, localhost.localdomain, localhost
relayhost =
mailbox_size_limit = 0
recipient_delimiter = +
inet_protocols = ipv4
";
/// Clients on loopback count as strangers, and what is taken is thrown away.
const CHANGED: &str = "myorigin = example.com
mynetworks = 192.0.2.0/24
default_transport = discard
relay_transport = discard
local_transport = discard
";
/// Debian's lines for submission that say anything about a session, but for TLS, which they demand.
const SUBMISSION: &str = "  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path=private/auth
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
";
/// Services that run programs of other packages.
const FOREIGN: [&str; 6] = ["maildrop", "uucp", "ifmail", "bsmtp", "scalemail-backend", "mailman"];
/// The local users beside the aliases.
const LOCAL: &str = "admin x\nroot x\ninfo x\ntest x\nuser x\npostmaster x\n";
const ALIASES: &str = "postmaster: root\nabuse: root\n";
const LIMIT: Duration = Duration::from_mins(1);

/// Where Postfix asks about passwords.
pub(super) fn password_socket(place: &Path) -> PathBuf {
    queue(place).join("private/auth")
}

fn queue(place: &Path) -> PathBuf {
    place.join("queue")
}

/// Serves the relay port, or submission.
pub(super) fn server(place: &Path, service: Service, address: SocketAddr) -> Result<Command> {
    let folder = place.join("postfix");
    for new in [&folder, &queue(place), &place.join("data"), &place.join("spool")] {
        fs::create_dir_all(new)?;
    }
    chown(place.join("data"), Some(user_id("postfix")?), None)?;
    let (at, configuration) = (place.display(), folder.display());
    let places = format!(
        "myhostname = {NODE}\nsmtpd_tls_cert_file = {at}/cert.pem\nsmtpd_tls_key_file = {at}/key.pem\n\
         alias_maps = hash:{configuration}/aliases\nalias_database = hash:{configuration}/aliases\n\
         local_recipient_maps = hash:{configuration}/local $alias_maps\ninet_interfaces = {}\n\
         queue_directory = {at}/queue\ndata_directory = {at}/data\nmail_spool_directory = {at}/spool/\n\
         maillog_file = {at}/postfix.log\nmaillog_file_prefixes = {at}\n",
        address.ip()
    );
    fs::write(folder.join("main.cf"), format!("{DEBIAN}{CHANGED}{places}"))?;
    let services = fs::read_to_string(MASTER).context(MASTER)?;
    fs::write(folder.join("master.cf"), master(&services, service, address))?;
    fs::write(folder.join("aliases"), ALIASES)?;
    fs::write(folder.join("local"), LOCAL)?;
    for map in ["dynamicmaps.cf", "dynamicmaps.cf.d"] {
        let installed = Path::new("/etc/postfix").join(map);
        if installed.is_file() {
            fs::copy(installed, folder.join(map))?;
        }
    }
    run("postalias", &folder, &[&format!("hash:{configuration}/aliases")])?;
    run("postmap", &folder, &[&format!("hash:{configuration}/local")])?;
    // Makes the folders of the queue.
    run("postfix", &folder, &["check"])?;
    let mut command = kept("/usr/lib/postfix/sbin/master");
    command.arg("-c").arg(&folder).arg("-s").env("MAIL_CONFIG", &folder);
    Ok(command)
}

/// Debian's services, unlocked from their `chroot`, with this one on its port.
fn master(debian: &str, service: Service, address: SocketAddr) -> String {
    let mut text = String::new();
    for line in debian.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if FOREIGN.contains(&words[0]) {
            break;
        }
        let port = address.to_string();
        let heads = !line.starts_with(char::is_whitespace) && words.len() > 7;
        if heads {
            words[4] = "n";
            if words[..2] == ["smtp", "inet"] {
                words[0] = &port;
            }
            text.push_str(&words.join(" "));
        } else {
            text.push_str(line);
        }
        text.push('\n');
        if heads && words[0] == port && service == Service::Submission {
            text.push_str(SUBMISSION);
        }
    }
    text
}

fn run(program: &str, folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = command::output(Command::new(program).arg("-c").arg(folder).args(arguments), LIMIT)?;
    ensure!(output.status.success(), "{program} {}: {}{}", arguments.join(" "), output.stdout, output.stderr);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_debian() {
        let debian = "# x\nsmtp      inet  n       -       y       -       -       smtpd\n\
            cleanup   unix  n       -       y       -       0       cleanup\n  -o a=b\nmaildrop  unix x\n";
        let address = "127.0.0.1:2525".parse().unwrap();
        let text = master(debian, Service::Smtp, address);
        assert_eq!(text, "127.0.0.1:2525 inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n  -o a=b\n");
        assert!(
            master(debian, Service::Submission, address).contains("smtpd\n  -o smtpd_sasl_auth_enable=yes\n")
        );
    }
}
