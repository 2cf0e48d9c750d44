//! `serve --decnet`: the lines on standard output of a session in each protocol.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Scene;
use crate::server::{PATIENCE, Server};

/// A session in a protocol, with the password `p]"\`, and the events whose lines it leaves.
struct Session {
    protocol: &'static str,
    sent: &'static str,
    events: &'static [&'static str],
}

const SESSIONS: &[Session] = &[
    Session {
        protocol: "imap",
        sent: "a LOGIN \"x\" \"p]\\\"\\\\\"\r\nb LOGOUT\r\n",
        events: &["startup", "connect", "command", "auth", "disconnect"],
    },
    Session {
        protocol: "pop3",
        sent: "USER x\r\nPASS p]\"\\\r\nAUTH PLAIN AGFkbWluAGFkbWlu\r\nRETR 5\r\nDELE 5\r\nQUIT\r\n",
        events: &["startup", "connect", "command", "auth", "retr", "delete", "disconnect"],
    },
    Session {
        protocol: "smtp",
        sent: "EHLO client.test\r\nAUTH PLAIN AHgAcF0iXA==\r\nVRFY root\r\nMAIL FROM:<a@b.test>\r\n\
               RCPT TO:<c@d.test>\r\nRCPT TO:<admin@company.internal>\r\nXYZZY\r\nDATA\r\n",
        events: &[
            "startup",
            "connect",
            "ehlo",
            "auth_attempt",
            "vrfy",
            "mail_from",
            "rcpt_to",
            "rcpt_denied",
            "unknown_command",
            "message_accepted",
            "message_stored",
            "disconnect",
        ],
    },
];

/// The content that follows DATA's 354.
const CONTENT: &str = "Subject: hello\r\n\r\nHello.\r\n.\r\nQUIT\r\n";
/// `p]"\` in base64.
const SECRET: &str = "cF0iXA==";
/// A value is its characters with `\`, `"` and `]` escaped (RFC 5424 section 6.3.3).
const SHOWN: &str = r#"secret_printable="p\]\"\\""#;

/// Serves each protocol as its container would and reads its lines as DECNET's collector does.
pub(super) fn run(scene: &Scene) -> Result<String> {
    let mut count = 0;
    for session in SESSIONS {
        let protocol = session.protocol;
        let server = scene.serve_decnet(protocol)?;
        talk(server.address, session).with_context(|| protocol.to_owned())?;
        let lines = lines(&server, protocol)?;
        for event in session.events {
            let mark = format!(" {protocol} - {event} ");
            ensure!(lines.iter().any(|line| line.contains(&mark)), "no line {event}: {lines:#?}");
        }
        let head = |line: &String| line.starts_with("<134>1 ") || line.starts_with("<132>1 ");
        ensure!(lines.iter().all(head), "not all are lines of DECNET's: {lines:#?}");
        let secret = lines.iter().find(|line| line.contains(&format!("secret_b64=\"{SECRET}\"")));
        let secret = secret.with_context(|| format!("{protocol}: no secret_b64: {lines:#?}"))?;
        ensure!(secret.starts_with("<132>") && secret.contains(SHOWN), "the secret: {secret}");
        // The collector stops at the first bracket, escaped or not.
        let collected = secret.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let (collected, _) = collected.context("no element")?;
        for field in ["src=\"127.0.0.1\"", "secret_b64=", "username=\"x\"", "principal=\"x\""] {
            ensure!(collected.contains(field), "the collector loses {field}: {secret}");
        }
        count += lines.len();
        server.stop()?;
    }
    Ok(format!("{} protocols, {count} lines", SESSIONS.len()))
}

/// Sends the session and waits for its end.
fn talk(to: SocketAddr, session: &Session) -> Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, to.port()))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(session.sent.as_bytes())?;
    if session.sent.ends_with("DATA\r\n") {
        stream.write_all(CONTENT.as_bytes())?;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).context("waiting for the server to close")?;
    Ok(())
}

/// The lines so far, as soon as the end of the session is among them.
fn lines(server: &Server, protocol: &str) -> Result<Vec<String>> {
    let start = Instant::now();
    loop {
        let printed = server.printed();
        if printed.contains(&format!(" {protocol} - disconnect ")) && printed.ends_with('\n') {
            return Ok(printed.lines().map(str::to_owned).collect());
        }
        ensure!(start.elapsed() < PATIENCE, "no disconnect on standard output: {printed}");
        thread::sleep(Duration::from_millis(50));
    }
}
