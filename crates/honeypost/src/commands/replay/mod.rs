//! `honeypost replay`: the conversation of one session as it happened.
//!
//! The wire record has chunks; `lines.rs` makes of them what was said (`dialogue.rs` knows what follows what), `render.rs`
//! shows it, `player.rs` takes its time with it (`keys.rs` is the terminal), `asciicast.rs` writes that to a file. `json.rs`
//! and `pcap.rs` are for programs, from the chunks themselves. What the command line asks for is checked in `wanted.rs`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use event::Attribution;
use jiff::Timestamp;
use store::Wire;

use self::dialogue::Side;
use self::keys::Terminal;
use self::lines::{Entry, Said};
use self::player::{Ended, NoKeys, Pace, Player};
use self::render::{Piece, Style};
use self::wanted::{Format, Wanted};
use super::reading;
use crate::terminal;

mod asciicast;
mod dialogue;
mod json;
mod keys;
mod lines;
mod pcap;
mod player;
mod record;
mod render;
mod wanted;

pub(crate) use self::wanted::Replay;

/// Shows the conversation.
pub(crate) fn run(replay: &Replay) -> anyhow::Result<ExitCode> {
    let stdout = io::stdout();
    let wanted = Wanted::check(replay, stdout.is_terminal())?;
    let (_, reader) = reading::open(&replay.settings)?;
    let conversation = record::read(&reader, &wanted.session)?;
    if wanted.format == Format::Pcap && !conversation.has_wire() {
        bail!(
            "--format pcap needs the wire record of session {}, and there is none; --format text shows its commands",
            conversation.attribution.session
        );
    }
    match &wanted.output {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("--output {}", path.display()))?;
            let colours = wanted.format == Format::Asciicast && !terminal::colours_forbidden();
            let shown = Shown { wanted: &wanted, terminal: false, interactive: false, colours };
            let mut out = BufWriter::new(file);
            let ended = shown.write(&conversation, &mut out)?;
            out.flush().with_context(|| format!("--output {}", path.display()))?;
            Ok(ended)
        }
        None => {
            let terminal = stdout.is_terminal();
            let colours = match wanted.format {
                Format::Asciicast => !terminal::colours_forbidden(),
                _ => terminal::colours(&stdout),
            };
            let interactive = terminal && io::stdin().is_terminal();
            let shown = Shown { wanted: &wanted, terminal, interactive, colours };
            shown.write(&conversation, &mut BufWriter::new(stdout.lock()))
        }
    }
}

/// A session as it is on record.
#[derive(Debug)]
struct Conversation {
    attribution: Attribution,
    opened: Timestamp,
    closed: Option<Closed>,
    wire: Wire,
    /// Where there is no wire record: what the events tell.
    commands: Vec<Command>,
}

/// How a session ended.
#[derive(Debug)]
struct Closed {
    time: Timestamp,
    reason: String,
    /// Octets that the limit of a session left out of its wire record.
    cut: u64,
}

/// A command as the events have it.
#[derive(Debug)]
struct Command {
    time: Timestamp,
    line: Vec<u8>,
    status: String,
}

impl Conversation {
    fn has_wire(&self) -> bool {
        !self.wire.chunks.is_empty()
    }

    fn title(&self) -> String {
        let Attribution { session, protocol, src, dst, .. } = &self.attribution;
        let protocol = protocol.name().to_ascii_uppercase();
        format!("{protocol} session {session} from {src} to {dst}")
    }

    /// What is missing, in words.
    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        match (self.has_wire(), self.wire.deleted) {
            (true, true) => {
                missing.push("parts of the wire record were deleted: what is here has gaps".to_owned());
            }
            (false, true) => missing.push(
                "the wire record was deleted; these are the commands and what they were answered, from the events"
                    .to_owned(),
            ),
            (false, false) => missing.push(
                "there is no wire record; these are the commands and what they were answered, from the events"
                    .to_owned(),
            ),
            (true, false) => {}
        }
        if let Some(cut) = self.closed.as_ref().map(|closed| closed.cut).filter(|cut| *cut > 0) {
            missing.push(format!(
                "{cut} octets were not kept: the wire record of a session has a limit (wire_cut of session.closed)"
            ));
        }
        missing
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let commands = self.commands.iter().flat_map(|command| {
            let Command { time, line, status } = command;
            let octets = [line.as_slice(), b"\r\n"].concat();
            let line = Said::Line { side: Side::Client, octets, decoded: None };
            let status = (!status.is_empty()).then(|| Said::Status(status.clone()));
            [Some(line), status].into_iter().flatten().map(|said| Entry { time: *time, said })
        });
        // There are commands where there are no chunks.
        lines::entries(self.attribution.protocol, &self.wire.chunks).chain(commands)
    }

    /// The whole of it, to be shown one after another. `only` is the side to leave.
    fn pieces(&self, style: Style, only: Option<Side>) -> impl Iterator<Item = Piece> {
        let mut before = vec![style.note(None, &self.title())];
        before.push(style.note(None, &format!("{}, session.opened", self.opened.strftime("%F %T%.6fZ"))));
        before.extend(self.missing().iter().map(|text| style.note(None, text)));
        let after = match &self.closed {
            Some(closed) => {
                let reason = terminal::escape(&closed.reason);
                style.note(Some(closed.time), &format!("session.closed: {reason}"))
            }
            None => style.note(None, "no session.closed: it is still open, or Honeypost was killed"),
        };
        let entries = self.entries().filter(move |entry| only.is_none_or(|side| entry.said.side() == side));
        let said = entries.flat_map(move |entry| style.entry(&entry));
        before.into_iter().chain(said).chain([after])
    }
}

/// Where and how it is shown.
struct Shown<'a> {
    wanted: &'a Wanted,
    terminal: bool,
    interactive: bool,
    colours: bool,
}

impl Shown<'_> {
    fn write(&self, conversation: &Conversation, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let Wanted { only, full, longest, speed, .. } = *self.wanted;
        let style = Style { start: conversation.opened, colours: self.colours, full };
        let pace = Pace::new(style.start, longest);
        match self.wanted.format {
            Format::Text => return self.text(conversation, style, pace, out),
            Format::Asciicast => {
                let pieces = conversation.pieces(style, only);
                let speed = speed.unwrap_or(1.0);
                asciicast::write(&conversation.title(), pieces, &style, pace, speed, out)?;
            }
            Format::Json => {
                warn(conversation);
                for chunk in &conversation.wire.chunks {
                    if only.is_none_or(|only| only == json::side(chunk.flow)) {
                        json::chunk(chunk, self.terminal, out)?;
                    }
                }
                for command in conversation.commands.iter().filter(|_| only != Some(Side::Server)) {
                    json::command(command, self.terminal, out)?;
                }
            }
            Format::Pcap => {
                warn(conversation);
                let Conversation { attribution, opened, closed, wire, .. } = conversation;
                let real_ports = self.wanted.real_ports;
                pcap::write(attribution, *opened, &wire.chunks, closed.as_ref(), real_ports, out)?;
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }

    fn text(
        &self,
        conversation: &Conversation,
        style: Style,
        pace: Pace,
        out: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let pieces = conversation.pieces(style, self.wanted.only);
        let speed = self.wanted.speed.or_else(|| self.terminal.then_some(1.0));
        let Some(speed) = speed.filter(|_| !self.wanted.instant) else {
            for piece in pieces {
                out.write_all(piece.text.as_bytes())?;
            }
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        };
        let ended = if self.interactive {
            let mut keys = Terminal::take().context("the terminal")?;
            Player { style, pace, speed, keys: &mut keys }.play(pieces, out)?
        } else {
            Player { style, pace, speed, keys: &mut NoKeys }.play(pieces, out)?
        };
        Ok(match ended {
            Ended::Shown | Ended::Quit => ExitCode::SUCCESS,
            // As a shell calls what SIGINT ended.
            Ended::Interrupted => ExitCode::from(130),
        })
    }
}

/// What is missing, beside a form that has no place for it.
fn warn(conversation: &Conversation) {
    for text in conversation.missing() {
        let _ = writeln!(io::stderr(), "honeypost: {text}");
    }
}

#[cfg(test)]
mod tests;
