//! From templates to the mail of one installation.
//!
//! The same installation always gives the same octets; two installations differ in dates and random characters only,
//! never in a width, so that sizes and offsets are properties of the persona.

use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::calendar::Morning;
use super::placeholder::{Placeholder, Zone};
use super::random::characters;
use super::template::{Piece, Template};
use super::{MailboxTemplates, Persona};
use crate::corpus::{Corpus, Mailbox};
use crate::message::{Message, Slot};

/// Days that the morning may lie before the moment, so that no message lies after it.
const MAX_DAYS_BACK: usize = 3;

/// What makes one installation's mail its own. Kept in the data directory; nothing here is taken from a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installation {
    /// When the data directory was made.
    pub moment: Timestamp,
    /// Where random characters come from.
    pub seed: [u8; 32],
    /// UIDVALIDITY of INBOX; the mailboxes after it have the numbers after it.
    pub uid_validity: u32,
}

/// Why a persona cannot be rendered for an installation.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The moment is not one at which the corpus can stand.
    #[error("the installation's moment {moment} is out of range; it must lie between 1990 and 2200")]
    Moment {
        /// The installation's.
        moment: Timestamp,
    },
    /// UIDVALIDITY must be a number from 1 to 2^32 - 1 for every mailbox (RFC 3501 section 2.3.1.1).
    #[error(
        "the installation's UIDVALIDITY {first} leaves no number for each of {mailboxes} mailboxes; use one below 4294960000 and not 0"
    )]
    UidValidity {
        /// The installation's.
        first: u32,
        /// How many numbers are needed.
        mailboxes: usize,
    },
    /// Some message lies after the moment even when the corpus is moved days back.
    #[error(
        "{file}: arrives after the moment of the installation, {days} days back still; use an earlier `sent`"
    )]
    Future {
        /// The message's file.
        file: String,
        /// How far the corpus was moved.
        days: usize,
    },
    /// A date cannot be reckoned.
    #[error("{file}: a date cannot be reckoned ({source}); use one nearer to the morning")]
    Date {
        /// The message's file.
        file: String,
        /// The calendar's word.
        source: jiff::Error,
    },
}

impl Persona {
    /// The mail of an installation.
    pub fn render(&self, installation: &Installation) -> Result<Corpus, RenderError> {
        let Installation { moment, uid_validity: first, .. } = *installation;
        if !(1990..=2200).contains(&moment.to_zoned_datetime(TimeZone::UTC).year()) {
            return Err(RenderError::Moment { moment });
        }
        let count = self.mailboxes.len();
        if first == 0 || u32::try_from(count).ok().and_then(|count| first.checked_add(count)).is_none() {
            return Err(RenderError::UidValidity { first, mailboxes: count });
        }
        let morning = self.morning(moment)?;
        let mailboxes = self.mailboxes.iter().zip(first..).map(|(mailbox, uid_validity)| {
            let Rendered { messages, uid_next } = mailbox.render(morning, &installation.seed)?;
            Ok(Arc::new(Mailbox { name: mailbox.name.clone(), uid_validity, uid_next, messages }))
        });
        let mailboxes: Vec<Arc<Mailbox>> = mailboxes.collect::<Result<_, _>>()?;
        let subscriptions = mailboxes.iter().map(|mailbox| mailbox.name.clone()).collect();
        Ok(Corpus { mailboxes, subscriptions })
    }

    /// The latest morning at which every message has arrived by the moment.
    pub(crate) fn morning(&self, moment: Timestamp) -> Result<Morning, RenderError> {
        let mut morning = Morning::of(moment);
        let mut late = None;
        for _ in 0..=MAX_DAYS_BACK {
            late = None;
            for template in self.templates() {
                if template.arrival(morning)?.timestamp() > moment {
                    late = Some(template);
                    break;
                }
            }
            match late {
                None => break,
                Some(template) => morning = morning.earlier().map_err(|source| template.undatable(source))?,
            }
        }
        match late {
            None => Ok(morning),
            Some(template) => Err(RenderError::Future { file: template.file.clone(), days: MAX_DAYS_BACK }),
        }
    }
}

/// A mailbox's messages and its UIDNEXT.
struct Rendered {
    messages: Vec<Arc<Message>>,
    uid_next: u32,
}

impl MailboxTemplates {
    fn render(&self, morning: Morning, seed: &[u8; 32]) -> Result<Rendered, RenderError> {
        let mut messages = Vec::with_capacity(self.messages.len());
        let mut uid_next = 1;
        for template in &self.messages {
            messages.push(Arc::new(template.render(uid_next, morning, seed)?));
            uid_next += 1; // at most `MAX_MESSAGES` times
        }
        Ok(Rendered { messages, uid_next })
    }
}

impl Template {
    /// When the message arrived, in the server's zone.
    pub(crate) fn arrival(&self, morning: Morning) -> Result<ZonedDateTime, RenderError> {
        let arrived = self.sent.at(morning).and_then(|sent| self.arrived.from(&sent));
        Ok(arrived.map_err(|source| self.undatable(source))?.with_time_zone(TimeZone::UTC))
    }

    /// The message at a position.
    pub(crate) fn render(&self, uid: u32, morning: Morning, seed: &[u8; 32]) -> Result<Message, RenderError> {
        let sent = self.sent.at(morning).map_err(|source| self.undatable(source))?;
        let mut text = String::new();
        let mut slots = Vec::new();
        for piece in &self.pieces {
            let placeholder = match piece {
                Piece::Text(plain) => {
                    text.push_str(plain);
                    continue;
                }
                Piece::Placeholder(placeholder) => placeholder,
            };
            if let Placeholder::Secret(bait) = placeholder {
                slots.push(Slot { range: text.len()..text.len() + bait.value.len(), bait: Arc::clone(bait) });
                text.push_str(&bait.value);
            } else {
                let written =
                    placeholder.write(&sent, morning, seed).map_err(|source| self.undatable(source))?;
                text.push_str(&written);
            }
        }
        Ok(Message::new(uid, self.flags, self.arrival(morning)?, Bytes::from(text), slots))
    }

    fn undatable(&self, source: jiff::Error) -> RenderError {
        RenderError::Date { file: self.file.clone(), source }
    }
}

impl Placeholder {
    /// Its text.
    fn write(&self, sent: &ZonedDateTime, morning: Morning, seed: &[u8; 32]) -> Result<String, jiff::Error> {
        Ok(match self {
            Self::Secret(bait) => bait.value.clone(),
            Self::Verbatim(text) => text.clone(),
            Self::Sent { shift, zone, format } => {
                let moment = shift.from(sent)?;
                match zone {
                    Zone::Sender => format.of(&moment),
                    Zone::Server => format.of(&moment.with_time_zone(TimeZone::UTC)),
                }
            }
            Self::Moment { when, format } => format.of(&when.at(morning)?),
            Self::Random { alphabet, name, width } => characters(seed, name, *alphabet, *width),
        })
    }
}
