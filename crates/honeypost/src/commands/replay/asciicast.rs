//! A replay as a file for asciinema and its players: asciicast v2
//! (<https://docs.asciinema.org/manual/asciicast/v2/>), a header line and a line of JSON for each output.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::player::{Pace, at_speed, silence};
use super::render::{Piece, Style};

/// Columns and lines that players show.
const SIZE: (u16, u16) = (120, 36);

/// The first line.
#[derive(Serialize)]
struct Header<'a> {
    version: u8,
    width: u16,
    height: u16,
    timestamp: i64,
    title: &'a str,
}

/// Writes the whole file. `speed` is positive.
pub(super) fn write(
    title: &str,
    pieces: impl Iterator<Item = Piece>,
    style: &Style,
    mut pace: Pace,
    speed: f64,
    out: &mut impl Write,
) -> io::Result<()> {
    let (width, height) = SIZE;
    let header = Header { version: 2, width, height, timestamp: style.start.as_second(), title };
    serde_json::to_writer(&mut *out, &header)?;
    out.write_all(b"\n")?;
    let mut time = Duration::ZERO;
    for piece in pieces {
        let (wait, shortened) = pace.before(&piece);
        if let Some(recorded) = shortened {
            event(time, &silence(style, recorded, wait).text, out)?;
        }
        time = time.saturating_add(at_speed(wait, speed));
        event(time, &piece.text, out)?;
    }
    Ok(())
}

fn event(time: Duration, text: &str, out: &mut impl Write) -> io::Result<()> {
    let seconds = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    let text = serde_json::to_string(&text.replace('\n', "\r\n"))?;
    writeln!(out, "[{seconds}, \"o\", {text}]")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;

    #[test]
    fn it_is_lines_of_json_with_ascending_times() {
        let start: Timestamp = "2026-11-23T18:00:00Z".parse().expect("a time");
        let style = Style { start, colours: true, full: false };
        let pieces = [0, 1500, 1200, 61_500].map(|millis| {
            let time = start + Duration::from_millis(millis);
            style.note(Some(time), "a \"word\"")
        });
        let pace = Pace::new(start, Some(Duration::from_secs(3)));
        let mut out = Vec::new();
        write("IMAP", pieces.into_iter(), &style, pace, 2.0, &mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        let (header, events) = lines.split_first().expect("a header");
        assert_eq!(header["version"], 2);
        assert_eq!(header["timestamp"], 1_795_456_800);
        assert!(header["width"].is_u64() && header["height"].is_u64() && header["title"].is_string());
        let times: Vec<f64> = events.iter().map(|event| event[0].as_f64().expect("a time")).collect();
        assert_eq!(times, [0.0, 0.75, 0.75, 0.75, 2.25], "with the note on the silence");
        for event in events {
            let text = event[2].as_str().expect("text");
            assert_eq!(event[1], "o");
            assert!(text.ends_with("\r\n") && text.matches('\n').count() == 1, "{text:?}");
        }
    }
}
