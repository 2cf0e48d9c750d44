//! The placeholders of a message: what stands between `{{` and `}}`.

use std::sync::Arc;

use super::calendar::{Shift, When};
use super::error::Fault;
use super::format::Format;
use super::random::Alphabet;
use crate::message::Bait;

/// Characters that one `hex` or `digits` may take.
const MAX_RANDOM: usize = 1024;

/// A piece of text that is made when the corpus is rendered. As wide in every installation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Placeholder {
    /// `{{secret ID}}`
    Secret(Arc<Bait>),
    /// `{{date}}`, `{{received}}`, `{{time SHIFT "FORMAT"}}`: the time at which the message was sent, shifted.
    Sent { shift: Shift, zone: Zone, format: Format },
    /// `{{time DAY TIME ZONE "FORMAT"}}`: a moment of its own.
    Moment { when: When, format: Format },
    /// `{{hex NAME WIDTH}}` and its like.
    Random { alphabet: Alphabet, name: String, width: usize },
    /// `{{"TEXT"}}`: the text itself, for mail that has braces of its own.
    Verbatim(String),
}

/// In which zone the sender's time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// The sender's.
    Sender,
    /// The server's, which keeps UTC.
    Server,
}

impl Placeholder {
    /// Reads what stands between the braces.
    pub(crate) fn parse(inner: &str, bait: &[Arc<Bait>]) -> Result<Self, Fault> {
        let inner = inner.trim();
        if let Some(text) = inner.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            return Ok(Self::Verbatim(text.to_owned()));
        }
        let (verb, rest) = inner.split_once(' ').unwrap_or((inner, ""));
        let rest = rest.trim();
        match verb {
            "secret" => {
                bait.iter().find(|bait| bait.id == rest).cloned().map(Self::Secret).ok_or_else(|| {
                    let known: Vec<&str> = bait.iter().map(|bait| bait.id.as_str()).collect();
                    let remedy = format!(
                        "declare it with [[bait]] in persona.toml, or use one of: {}",
                        known.join(", ")
                    );
                    Fault::new("names an unknown secret", remedy)
                })
            }
            "date" => Ok(Self::Sent { shift: shift(rest)?, zone: Zone::Sender, format: Format::date() }),
            "received" => {
                Ok(Self::Sent { shift: shift(rest)?, zone: Zone::Server, format: Format::received() })
            }
            "time" => time(rest),
            "hex" => random(Alphabet::LowerHex, rest),
            "HEX" => random(Alphabet::UpperHex, rest),
            "digits" => random(Alphabet::Digits, rest),
            _ => {
                let remedy =
                    "use secret, date, received, time, hex, HEX or digits; write braces as {{\"{{\"}}";
                Err(Fault::new("is no placeholder", remedy))
            }
        }
    }
}

/// A shift; none where nothing is written.
fn shift(text: &str) -> Result<Shift, Fault> {
    if text.is_empty() { Ok(Shift::default()) } else { Shift::parse(text) }
}

fn time(rest: &str) -> Result<Placeholder, Fault> {
    let quoted = rest.strip_suffix('"').and_then(|rest| rest.split_once('"'));
    let Some((moment, format)) = quoted else {
        return Err(Fault::new(
            "has no format",
            "end it with a strftime format in quotes: {{time +0s \"%Y-%m-%d\"}}",
        ));
    };
    let (moment, format) = (moment.trim(), Format::parse(format)?);
    if moment.is_empty() || Shift::looks_like(moment) {
        return Ok(Placeholder::Sent { shift: shift(moment)?, zone: Zone::Sender, format });
    }
    Ok(Placeholder::Moment { when: When::parse(moment)?, format })
}

fn random(alphabet: Alphabet, rest: &str) -> Result<Placeholder, Fault> {
    let fault =
        || Fault::new("is not NAME WIDTH", format!("write a name and a width from 1 to {MAX_RANDOM}"));
    let (name, width) = rest.split_once(' ').ok_or_else(fault)?;
    let width =
        width.trim().parse().ok().filter(|width| (1..=MAX_RANDOM).contains(width)).ok_or_else(fault)?;
    Ok(Placeholder::Random { alphabet, name: name.to_owned(), width })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(inner: &str) -> Result<Placeholder, Fault> {
        let key = Bait { id: "key".to_owned(), kind: "api-key".to_owned(), value: "abc".to_owned() };
        Placeholder::parse(inner, &[Arc::new(key)])
    }

    #[test]
    fn every_placeholder_of_the_format() {
        for inner in [
            "secret key",
            "date",
            "date +90s",
            "received",
            "received +1s",
            "time +0s \"%Y-%m-%d %H:%M\"",
            "time -2d \"%F\"",
            "time \"%F\"",
            "time -16 08:32:18 America/Los_Angeles \"%F\"",
            "time -19 16:40:00 UTC \"%d %b %Y\"",
            "hex q-aws 12",
            "HEX q-aws 10",
            "digits n 6",
            " date ",
        ] {
            parse(inner).unwrap_or_else(|fault| panic!("{inner}: {fault:?}"));
        }
        assert_eq!(parse("\"{{\""), Ok(Placeholder::Verbatim("{{".to_owned())));
    }

    #[test]
    fn what_is_none_is_refused() {
        for inner in [
            "",
            "secret",
            "secret other",
            "datum",
            "date 90",
            "time +0s",
            "time +0s %Y",
            "time +0s \"%A\"",
            "time x \"%Y\"",
            "hex a",
            "hex a 0",
            "hex a 1025",
            "hex a b",
            "HEX",
            "digits  6",
        ] {
            assert!(parse(inner).is_err(), "{inner:?} was taken");
        }
    }
}
