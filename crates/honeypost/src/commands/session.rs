//! `honeypost session ID`: one session from its beginning to its end, for people who have never read its protocol.

mod story;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use ::bait::Corpus;
use ::bait::mime::decode_words;
use clap::Args;
use event::Protocol;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Filter, Reader, SessionPart};

use super::reading;
use super::summary::{self, Summary, duration};
use crate::cli::Settings;
use crate::config::Config;
use crate::terminal::{self, escape};
use crate::{corpus, data_dir, start};

/// `honeypost session`
#[derive(Debug, Args)]
pub(crate) struct Session {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// The session's id, its beginning, or the part of it that other commands show
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Print JSON: one object, with the events in it (docs/reading.md)
    #[arg(long)]
    pub(crate) json: bool,
    /// Show only what happened since; the summary is of the whole session
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Show only what happened until then
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
}

/// Prints one session.
pub(crate) fn run(wanted: &Session) -> anyhow::Result<ExitCode> {
    let zone = TimeZone::system();
    let which = reading::Which {
        since: wanted.since.clone(),
        until: wanted.until.clone(),
        session: Some(wanted.id.clone()),
        ..reading::Which::default()
    };
    let mut filter = which.filter(&zone)?;
    let (config, reader) = reading::open(&wanted.settings)?;
    let whole = Filter { session: filter.session.take(), ..Filter::default() };
    let Some(first) = reader.events(&whole)?.next().transpose()? else {
        anyhow::bail!("session {:?} has no events", wanted.id);
    };
    let summary = summary::load(&reader, first.attribution.clone())?;
    filter.session = Some(SessionPart::from(summary.who.session));
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = BufWriter::new(stdout.lock());
    if wanted.json {
        json(&summary, &reader, &filter, terminal, &mut out)?;
    } else {
        let subjects = if summary.reads == 0 { Subjects::default() } else { Subjects::of(&config) };
        let dim = if terminal::colours(&stdout) { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        tell(&summary, &reader, &filter, &Manner { zone, subjects, dim }, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The summary's object with `events`, each as in `events --json`. Written as it is read.
fn json(
    summary: &Summary,
    reader: &Reader,
    filter: &Filter,
    terminal: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let harmless = |json: Vec<u8>| {
        if terminal {
            terminal::escape_json(&String::from_utf8_lossy(&json)).into_owned().into_bytes()
        } else {
            json
        }
    };
    let mut object = summary.json();
    // Here `events` are the events themselves.
    object.remove("events");
    let mut json = serde_json::to_vec(&object)?;
    json.pop();
    out.write_all(&harmless(json))?;
    out.write_all(b",\"events\":[")?;
    for (number, stored) in reader.events(filter)?.enumerate() {
        let mut json = Vec::new();
        stored?.write_json(&mut json);
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        out.write_all(&harmless(json))?;
    }
    out.write_all(b"\n]}\n")?;
    Ok(())
}

/// How a story is told.
struct Manner {
    zone: TimeZone,
    subjects: Subjects,
    /// Around what is of less interest.
    dim: (&'static str, &'static str),
}

fn tell(
    summary: &Summary,
    reader: &Reader,
    filter: &Filter,
    manner: &Manner,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    for (name, value) in head(summary, &manner.zone) {
        writeln!(out, "{name:9} {value}")?;
    }
    writeln!(out)?;
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for stored in reader.events(filter)? {
        let stored = stored?;
        let after = stored.time.as_microsecond().saturating_sub(summary.begin) / 1000;
        let (dim, off) = manner.dim;
        let time = format!("+{}.{:03} s", after / 1000, after % 1000);
        let line = story::line(summary.who.protocol, &stored.name, &stored.fields, &manner.subjects);
        writeln!(out, "{dim}{time:>12}{off}  {line}")?;
        *kinds.entry(stored.name).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(name, count)| format!("{} {count}", escape(name))).collect();
    writeln!(out, "\n{:9} {}", "Shown", kinds.join(", "))?;
    if let Some(note) = &manner.subjects.note {
        writeln!(out, "{:9} {}", "Note", escape(note))?;
    }
    Ok(())
}

/// Who, when, and what came of it.
fn head(summary: &Summary, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let who = &summary.who;
    let begin =
        Timestamp::from_microsecond(summary.begin).unwrap_or_default().to_zoned_datetime(zone.clone());
    let spoken = match who.protocol {
        Protocol::Imap => "IMAP (reading mail)",
        Protocol::Pop3 => "POP3 (fetching mail)",
        Protocol::Smtp => "SMTP (sending mail)",
    };
    let mut head = vec![
        ("Session", who.session.to_string()),
        (
            "From",
            format!(
                "{} port {}, to {} port {}, sensor {}",
                who.src.ip().to_canonical(),
                who.src.port(),
                who.dst.ip().to_canonical(),
                who.dst.port(),
                escape(&who.sensor)
            ),
        ),
        (
            "When",
            format!("{}, for {}", begin.strftime("%Y-%m-%d %H:%M:%S%:z"), duration(summary.duration_ms())),
        ),
        (
            "Protocol",
            format!(
                "{spoken}, {}, answered as {}",
                match &summary.tls_version {
                    Some(version) => format!("with TLS ({})", escape(version)),
                    None if who.tls => "with TLS".to_owned(),
                    None => "without TLS".to_owned(),
                },
                escape(&summary.personality)
            ),
        ),
        (
            "Client",
            summary.client.as_ref().map_or("did not say".to_owned(), super::evidence::Evidence::shown),
        ),
        ("Login", login(summary)),
        ("Read", read(summary)),
    ];
    if summary.mails > 0 {
        let mails = if summary.mails == 1 { "mail" } else { "mails" };
        head.push(("Sent", format!("{} {mails}, {} octets", summary.mails, summary.mail_octets)));
    }
    let end = match &summary.closed {
        None => "has not ended, or its server was killed".to_owned(),
        Some(closed) => format!(
            "{}; {} octets received, {} sent",
            story::reason(&closed.reason),
            closed.bytes_in,
            closed.bytes_out
        ),
    };
    head.push(("End", end));
    head
}

fn login(summary: &Summary) -> String {
    let Some(credential) = &summary.credential else {
        return "none tried".to_owned();
    };
    let pair =
        format!("{} / {}", credential.username.word(&[' ', '/']), credential.password.word(&[' ', '/']));
    let Summary { tried, won, .. } = summary;
    if credential.succeeded {
        format!("let in with {pair} ({won} of {tried} tries succeeded)")
    } else {
        format!("not let in, {tried} tries, the last with {pair}")
    }
}

fn read(summary: &Summary) -> String {
    if summary.reads == 0 {
        return "nothing".to_owned();
    }
    let bait = match summary.first_bait_ms() {
        None => "no bait among them".to_owned(),
        Some(first) => {
            let ids: Vec<String> = summary.bait.iter().map(|id| escape(id).into_owned()).collect();
            format!("bait after {}: {}", duration(first), ids.join(", "))
        }
    };
    let messages = if summary.messages == 1 { "message" } else { "messages" };
    format!("{} {messages} ({} octets), {bait}", summary.messages, summary.octets_read)
}

/// The subjects of the bait mail as it is configured now.
#[derive(Default)]
struct Subjects {
    corpus: Option<Corpus>,
    /// Why there are none.
    note: Option<String>,
}

impl Subjects {
    fn of(config: &Config) -> Self {
        let corpus = || -> anyhow::Result<Option<Corpus>> {
            let Some(installation) = data_dir::installation(config.data_dir())? else {
                return Ok(None);
            };
            Ok(Some(corpus::render(config, &start::personality(config)?, &installation)?.corpus))
        };
        match corpus() {
            Ok(corpus) => Self { corpus, note: None },
            Err(error) => Self { corpus: None, note: Some(format!("subjects are not shown: {error:#}")) },
        }
    }

    fn subject(&self, mailbox: &str, uid: u64) -> Option<String> {
        let mailbox = self.corpus.as_ref()?.mailbox(mailbox)?;
        let message = mailbox.messages.iter().find(|message| u64::from(message.uid) == uid)?;
        Some(decode_words(&message.envelope().subject.as_ref()?.bytes))
    }
}
