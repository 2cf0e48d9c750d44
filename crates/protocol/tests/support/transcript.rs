//! Transcripts: sessions that anyone can read, played against the state machine on a clock of our own.
//!
//! ```text
//! # a comment
//! personality: decnet          once, at the top; for SMTP with its setup (support/mod.rs)
//! recorded: dovecot-2.3        instead: what the real server sent; times, UIDVALIDITY and mod-sequences are its own
//! C: a1 NOOP                   sent with CRLF; \r \n \t \0 \\ \xNN are escapes
//! C- a1 NO                     sent as it is
//! S: a1 OK NOOP completed      the next line that the server sends
//! E: auth.failed username=x    the next event, with at least these fields (command.received may be left out)
//! T: 500ms                     the server waits
//! +: 180s                      time passes
//! X: logout                    the server closes, for this reason
//! S: (TLS)                     the connection becomes TLS
//! N: 1                         so many messages arrive in INBOX
//! F:                           the peer closes its side
//! M: begin from=a to=b,c local=b   a message begins; M: + text\r\n (more of it); M: commit; M: abort
//! K: kept 3BE199A0538          what the driver answers to the next commit; K: full
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use event::{Event, Text};
use protocol::{Action, Actions, Appended, Capture, Captured, Envelope, Moment, Session};

/// What the server did, as a transcript writes it.
#[derive(Debug)]
enum Happened {
    Line(String),
    Event(Event),
    Wait(Duration),
    Capture(String),
    Closed(&'static str),
}

/// Plays a transcript. `Err` names the line and both sides.
pub fn play(text: &str, start: impl Fn(&str) -> Box<dyn Session>) -> Result<usize, String> {
    let mut player = None;
    let mut exchanges = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let fail = |what: String| format!("line {number}: {line}\n  {what}");
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (kind, rest) = line.split_at_checked(2).ok_or_else(|| fail("no such line".into()))?;
        if let Some(name) = line.strip_prefix("personality: ") {
            player = Some(Player::new(start(name), false));
            continue;
        }
        if let Some(name) = line.strip_prefix("recorded: ") {
            player = Some(Player::new(start(name), true));
            continue;
        }
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let player = player.as_mut().ok_or_else(|| fail("`personality: NAME` comes first".into()))?;
        match kind {
            "C:" | "C-" => {
                let mut bytes = unescape(rest).map_err(fail)?;
                if kind == "C:" {
                    bytes.extend_from_slice(b"\r\n");
                }
                player.quiet().map_err(fail)?;
                player.receive(&bytes);
                exchanges += 1;
            }
            "+:" => player.pass(duration(rest).map_err(fail)?),
            "F:" => player.finish(),
            "N:" => player.arrive(rest.parse().map_err(|_| fail(format!("`{rest}` is no number")))?),
            "K:" => player.captured = Some(captured(rest).map_err(fail)?),
            "S:" | "E:" | "T:" | "X:" | "M:" => player.expect(kind, rest).map_err(fail)?,
            _ => return Err(fail("no such line".into())),
        }
    }
    let mut player = player.ok_or("an empty transcript")?;
    player.quiet().map_err(|what| format!("at the end: {what}"))?;
    Ok(exchanges)
}

/// A line without the times that a command took, and without mod-sequences.
fn comparable(line: &str) -> String {
    let mut line = line.to_owned();
    if let Some(start) = line.rfind(" (").filter(|_| line.ends_with(" secs).")) {
        line.truncate(start);
    }
    let words = line.split(' ').scan("", |before, word| {
        let modseq = before.ends_with("MODSEQ") || before.ends_with("[UIDVALIDITY");
        *before = word;
        let behind = word.trim_start_matches(|letter: char| letter == '(' || letter.is_ascii_digit());
        Some(if modseq { behind.to_owned() } else { word.to_owned() })
    });
    words.collect::<Vec<_>>().join(" ")
}

struct Player {
    session: Box<dyn Session>,
    recorded: bool,
    now: Moment,
    happened: VecDeque<Happened>,
    /// What the driver will answer to a commit.
    captured: Option<Captured>,
    /// Bytes of a line whose end has not been sent.
    partial: Vec<u8>,
}

impl Player {
    fn new(session: Box<dyn Session>, recorded: bool) -> Self {
        let (now, happened, partial) = (Moment::default(), VecDeque::new(), Vec::new());
        let mut player = Self { session, recorded, now, happened, captured: None, partial };
        let mut out = Actions::default();
        player.session.open(player.now, &mut out);
        player.carry_out(&mut out);
        player
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut out = Actions::default();
        self.session.receive(self.now, bytes, &mut out);
        self.carry_out(&mut out);
        while self.session.pending() {
            self.session.resume(self.now, &mut out);
            self.carry_out(&mut out);
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now.after(time);
        while let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            let mut out = Actions::default();
            self.session.expire(self.now, &mut out);
            self.carry_out(&mut out);
        }
        self.now = until;
    }

    fn arrive(&mut self, messages: usize) {
        let mut out = Actions::default();
        super::arrive(messages);
        self.session.mail_changed(self.now, &mut out);
        self.carry_out(&mut out);
    }

    fn finish(&mut self) {
        let mut out = Actions::default();
        self.session.finish(&mut out);
        self.carry_out(&mut out);
    }

    fn carry_out(&mut self, out: &mut Actions) {
        let (mut committed, mut secured) = (false, false);
        for action in out.drain().collect::<Vec<_>>() {
            match action {
                Action::Send(bytes) => {
                    for byte in bytes {
                        self.partial.push(byte);
                        if self.partial.ends_with(b"\r\n") {
                            self.partial.truncate(self.partial.len() - 2);
                            let line = escape(&std::mem::take(&mut self.partial));
                            self.happened.push_back(Happened::Line(line));
                        }
                    }
                }
                Action::Record(_) | Action::Capture(Capture::Append(_)) if self.recorded => {}
                Action::Record(event) => self.happened.push_back(Happened::Event(event)),
                Action::Wait(time) => {
                    self.now = self.now.after(time);
                    self.happened.push_back(Happened::Wait(time));
                }
                Action::Capture(stage) => {
                    committed |= stage == Capture::Commit;
                    self.capture(stage);
                }
                Action::StartTls(_) => {
                    self.happened.push_back(Happened::Line("(TLS)".into()));
                    secured = true;
                }
                Action::Close(reason) => self.happened.push_back(Happened::Closed(reason.name())),
            }
        }
        if secured {
            self.session.secured(self.now);
        }
        if committed {
            let answer = self.captured.take().unwrap_or(Captured::Kept { queue_id: "3BE199A0538".into() });
            self.session.captured(self.now, answer, out);
            self.carry_out(out);
        }
    }

    /// Pieces of a message are put together: how it is cut is not what a transcript is about.
    fn capture(&mut self, stage: Capture) {
        let list = |addresses: &[Text]| {
            addresses.iter().map(|text| text.lossy().into_owned()).collect::<Vec<_>>().join(",")
        };
        let shown = match (stage, self.happened.back_mut()) {
            (Capture::Write(bytes), Some(Happened::Capture(before))) if before.starts_with('+') => {
                before.push_str(&escape(&bytes).replace("\\x0d\\x0a", "\\r\\n"));
                return;
            }
            (Capture::Write(bytes), _) => format!("+ {}", escape(&bytes).replace("\\x0d\\x0a", "\\r\\n")),
            (Capture::Begin(envelope), _) => {
                let Envelope { mail_from, rcpt_to, local, .. } = &*envelope;
                format!("begin from={} to={} local={}", mail_from.lossy(), list(rcpt_to), list(local))
            }
            (Capture::Commit, _) => "commit".into(),
            (Capture::Append(appended), _) => {
                let Appended { mailbox, uid, flags, octets } = &*appended;
                format!("append {mailbox} {uid} ({}) {}", flags.lossy(), escape(octets))
            }
            (Capture::Abort(why), _) => format!("abort {why:?}").to_lowercase(),
        };
        self.happened.push_back(Happened::Capture(shown));
    }

    fn expect(&mut self, kind: &str, wanted: &str) -> Result<(), String> {
        if kind != "E:" || !wanted.starts_with("command.received") {
            self.skip_commands();
        }
        let got = self.happened.pop_front().ok_or("the server did nothing more")?;
        let same = match (kind, &got) {
            ("S:", Happened::Line(line)) if self.recorded => comparable(line) == comparable(wanted),
            ("S:", Happened::Line(line)) => line == wanted,
            ("E:", Happened::Event(event)) => matches(event, wanted),
            ("T:", Happened::Wait(time)) => Ok(*time) == duration(wanted),
            ("M:", Happened::Capture(stage)) => stage == wanted,
            ("X:", Happened::Closed(reason)) => *reason == wanted,
            _ => false,
        };
        if same { Ok(()) } else { Err(format!("got {got:?}")) }
    }

    /// Nothing may be left that the transcript does not mention.
    fn quiet(&mut self) -> Result<(), String> {
        self.skip_commands();
        match self.happened.front() {
            None => Ok(()),
            Some(left) => Err(format!("the server also did {left:?}")),
        }
    }

    fn skip_commands(&mut self) {
        while matches!(self.happened.front(), Some(Happened::Event(Event::CommandReceived { .. }))) {
            self.happened.pop_front();
        }
    }
}

/// `name key=value ...`: the event of that name, with these fields as JSON shows them.
fn matches(event: &Event, wanted: &str) -> bool {
    let mut words = wanted.split(' ');
    let json = serde_json::to_value(event).expect("events are JSON");
    words.next() == Some(event.name())
        && words.all(|word| {
            let Some((key, value)) = word.split_once('=') else { return false };
            let shown = match &json[key] {
                serde_json::Value::String(text) => text.replace(' ', "_"),
                other => other.to_string(),
            };
            shown == value
        })
}

fn captured(text: &str) -> Result<Captured, String> {
    match text.split_once(' ') {
        Some(("kept", queue_id)) => Ok(Captured::Kept { queue_id: queue_id.into() }),
        None if text == "full" => Ok(Captured::Full),
        _ => Err(format!("`{text}` is no answer to a commit")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no time"))?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        _ => Err(format!("`{text}` is no time")),
    }
}

fn escape(bytes: &[u8]) -> String {
    let shown = |byte: &u8| match byte {
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    bytes.iter().map(shown).collect()
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match letters.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = letters.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).map_err(|_| format!("`\\x{digits}` is no byte"))?
            }
            other => return Err(format!("`\\{other:?}` is no escape")),
        });
    }
    Ok(bytes)
}
