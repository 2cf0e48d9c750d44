//! What the command line asks of `honeypost replay`, checked before anything is read.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum};
use store::SessionPart;

use super::dialogue::Side;
use crate::cli::Settings;

/// `honeypost replay`
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// The session: its id, or the part of it that `honeypost events` shows
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// So many times as fast as it was, such as 4 or 0.5
    #[arg(long, value_name = "FACTOR", conflicts_with = "instant")]
    speed: Option<f64>,
    /// All at once; the default where the output is no terminal
    #[arg(long)]
    instant: bool,
    /// The longest silence that is kept, such as 5s or 500ms; 0 keeps all
    #[arg(long, value_name = "T", default_value = "3s")]
    max_pause: String,
    /// Only what one of the two said
    #[arg(long, value_name = "SIDE")]
    only: Option<Only>,
    /// Fold and cut nothing
    #[arg(long)]
    full: bool,
    /// text, asciicast (for asciinema), pcap (for Wireshark), or json (an object a chunk)
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    format: Format,
    /// Where to write it; - is standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// In pcap, keep the server's port as recorded instead of the protocol's standard port
    #[arg(long)]
    real_ports: bool,
}

/// Forms of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// asciicast v2.
    Asciicast,
    /// A capture file.
    Pcap,
    /// An object a chunk.
    Json,
}

/// One of the two.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Only {
    /// The peer.
    Client,
    /// Honeypost.
    Server,
}

/// What is asked for, checked.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) session: SessionPart,
    /// Positive. `None`: nothing was said.
    pub(super) speed: Option<f64>,
    pub(super) instant: bool,
    /// The longest silence that is kept; `None` for all.
    pub(super) longest: Option<Duration>,
    pub(super) only: Option<Side>,
    pub(super) full: bool,
    pub(super) format: Format,
    /// `None`: standard output.
    pub(super) output: Option<PathBuf>,
    pub(super) real_ports: bool,
}

impl Wanted {
    /// `terminal` is whether standard output is one.
    pub(super) fn check(replay: &Replay, terminal: bool) -> anyhow::Result<Self> {
        let Some(id) = &replay.id else {
            bail!("which session? `honeypost sessions` lists them; then: honeypost replay ID");
        };
        let session = id
            .parse()
            .map_err(|error| anyhow!("ID: {error}; `honeypost sessions` lists the sessions there are"))?;
        if let Some(speed) = replay.speed
            && !(speed.is_finite() && speed > 0.0)
        {
            bail!("--speed {speed} is no speed; expected a number above 0, such as 4 or 0.5");
        }
        let longest = pause(&replay.max_pause).ok_or_else(|| {
            anyhow!("--max-pause {:?} is no time; expected 5s, 500ms, 2m, or 0", replay.max_pause)
        })?;
        let output = replay.output.clone().filter(|path| path.as_os_str() != "-");
        match replay.format {
            Format::Pcap if terminal && output.is_none() => {
                bail!("--format pcap is not for a terminal; give --output FILE, or pipe it into tshark -r -");
            }
            Format::Pcap if replay.only.is_some() => {
                bail!("--only leaves no conversation for --format pcap; leave it out");
            }
            Format::Asciicast if replay.instant => {
                bail!("--instant leaves nothing to play for --format asciicast; give --speed instead");
            }
            Format::Pcap | Format::Json if replay.speed.is_some() => {
                bail!("--speed is for --format text and asciicast; leave it out");
            }
            Format::Text | Format::Asciicast | Format::Json if replay.real_ports => {
                bail!("--real-ports is for --format pcap; leave it out");
            }
            _ => {}
        }
        Ok(Self {
            session,
            speed: replay.speed,
            instant: replay.instant,
            longest: Some(longest).filter(|longest| !longest.is_zero()),
            only: replay.only.map(|only| match only {
                Only::Client => Side::Client,
                Only::Server => Side::Server,
            }),
            full: replay.full,
            format: replay.format,
            output,
            real_ports: replay.real_ports,
        })
    }
}

/// Reads `5s`, `1.5s`, `500ms`, `2m`; a number alone is seconds.
fn pause(text: &str) -> Option<Duration> {
    let number = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match text.get(number.len()..)? {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read() {
        for (text, expected) in [
            ("5s", Some(Duration::from_secs(5))),
            ("1.5", Some(Duration::from_millis(1500))),
            ("500ms", Some(Duration::from_millis(500))),
            ("2m", Some(Duration::from_mins(2))),
            ("0", Some(Duration::ZERO)),
            ("0s", Some(Duration::ZERO)),
            ("", None),
            ("-1s", None),
            ("nan", None),
            ("inf", None),
            ("1e400", None),
            ("5 days", None),
        ] {
            assert_eq!(pause(text), expected, "{text:?}");
        }
    }
}
