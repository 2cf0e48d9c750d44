//! A wire text with slots: `BAD Error in IMAP command {verb}: Unknown command.`

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// What may be filled into a [`Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The command's verb as the imitated server writes it.
    Verb,
    /// The offending item, name or argument.
    Detail,
    /// A capability list.
    Capabilities,
    /// Number of messages.
    Exists,
    /// A message's number.
    Number,
    /// Octets of a message, or of all messages.
    Size,
    /// What else the reply names, beside the detail.
    Item,
    /// A message's unique-id (RFC 1939 section 7).
    UniqueId,
    /// Number of recent messages.
    Recent,
    /// Sequence number of the first unseen message.
    Unseen,
    /// UIDVALIDITY.
    UidValidity,
    /// UIDNEXT.
    UidNext,
    /// The highest mod-sequence (RFC 7162).
    Modseq,
    /// The flags that a mailbox has.
    Flags,
    /// How long a command took.
    Timing,
    /// The imitated host's name (`NODE_NAME`).
    Node,
    /// A number of octets.
    Octets,
    /// A message's name in the queue.
    Queue,
    /// The sender's address.
    Sender,
    /// The recipient's address, with its domain.
    Recipient,
    /// The recipient's address as it was named.
    Original,
    /// What the client called itself.
    Helo,
    /// The client's name, or `unknown`.
    Client,
    /// The client's IP address.
    Address,
    /// The protocol in a Received header: `SMTP`, `ESMTP`, `ESMTPSA` ...
    Transport,
    /// A date as message headers have it.
    Date,
}

impl Slot {
    const ALL: [(&'static str, Self); 26] = [
        ("verb", Self::Verb),
        ("detail", Self::Detail),
        ("item", Self::Item),
        ("capabilities", Self::Capabilities),
        ("exists", Self::Exists),
        ("number", Self::Number),
        ("size", Self::Size),
        ("unique-id", Self::UniqueId),
        ("recent", Self::Recent),
        ("unseen", Self::Unseen),
        ("uidvalidity", Self::UidValidity),
        ("uidnext", Self::UidNext),
        ("modseq", Self::Modseq),
        ("flags", Self::Flags),
        ("timing", Self::Timing),
        ("node", Self::Node),
        ("octets", Self::Octets),
        ("queue", Self::Queue),
        ("sender", Self::Sender),
        ("recipient", Self::Recipient),
        ("original", Self::Original),
        ("helo", Self::Helo),
        ("client", Self::Client),
        ("address", Self::Address),
        ("transport", Self::Transport),
        ("date", Self::Date),
    ];
}

/// What stands in the slots. A slot without a value stays empty.
pub type Values<'a> = &'a [(Slot, &'a [u8])];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Fixed(Box<str>),
    Slot(Slot),
}

/// A text of a personality, read from its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    pieces: Vec<Piece>,
}

/// A text that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A brace without its partner.
    #[error("`{0}` has a `{{` or `}}` without its partner")]
    Unbalanced(String),
    /// A slot that does not exist.
    #[error("`{{{0}}}` is no slot; there are {known}", known = Slot::ALL.map(|(name, _)| format!("{{{name}}}")).join(" "))]
    UnknownSlot(String),
    /// It would be more than one line on the wire.
    #[error("`{0}` holds a line end or another control character than a tab")]
    Control(String),
}

impl FromStr for Text {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(TextError::Control(text.escape_debug().to_string()));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((fixed, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else {
                return Err(TextError::Unbalanced(text.to_owned()));
            };
            let Some((_, slot)) = Slot::ALL.into_iter().find(|(known, _)| *known == name) else {
                return Err(TextError::UnknownSlot(name.to_owned()));
            };
            pieces.push(fixed_piece(fixed, text)?);
            pieces.push(Piece::Slot(slot));
            rest = after;
        }
        pieces.push(fixed_piece(rest, text)?);
        Ok(Self { pieces })
    }
}

/// What stands between slots. `}}` is one brace.
fn fixed_piece(fixed: &str, whole: &str) -> Result<Piece, TextError> {
    if fixed.replace("}}", "").contains('}') {
        return Err(TextError::Unbalanced(whole.to_owned()));
    }
    Ok(Piece::Fixed(fixed.replace("}}", "}").into()))
}

impl Text {
    /// The text with its slots filled.
    pub fn fill(&self, values: Values<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(fixed) => out.extend_from_slice(fixed.as_bytes()),
                Piece::Slot(slot) => {
                    let value = values.iter().find(|(filled, _)| filled == slot);
                    out.extend_from_slice(value.map_or(&[][..], |(_, value)| value));
                }
            }
        }
        out
    }

    /// Whether it has this slot.
    pub fn mentions(&self, slot: Slot) -> bool {
        self.pieces.contains(&Piece::Slot(slot))
    }
}

/// As it stands in the personality's file.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(fixed) => f.write_str(fixed)?,
                Piece::Slot(slot) => {
                    let name = Slot::ALL.iter().find(|(_, known)| known == slot).map_or("", |(name, _)| name);
                    write!(f, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filled() {
        let text: Text = "OK [UNSEEN {unseen}] Message {unseen} is first, {verb}{detail}.".parse().unwrap();
        let filled = text.fill(&[(Slot::Unseen, b"7"), (Slot::Verb, b"\xff")]);
        assert_eq!(filled, b"OK [UNSEEN 7] Message 7 is first, \xff.");
        assert_eq!(text.to_string(), "OK [UNSEEN {unseen}] Message {unseen} is first, {verb}{detail}.");
        assert!(text.mentions(Slot::Unseen) && !text.mentions(Slot::Node));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!("{verbs}".parse::<Text>(), Err(TextError::UnknownSlot("verbs".into())));
        assert_eq!("{verb".parse::<Text>(), Err(TextError::Unbalanced("{verb".into())));
        assert_eq!("verb}".parse::<Text>(), Err(TextError::Unbalanced("verb}".into())));
        assert_eq!("'}}'".parse::<Text>().map(|text| text.fill(&[])), Ok(b"'}'".to_vec()));
        assert_eq!("a\r\nb".parse::<Text>(), Err(TextError::Control("a\\r\\nb".into())));
    }
}
