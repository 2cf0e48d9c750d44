//! What is behind the doors: one file a protocol, which makes its sessions from the configuration, and one row a listener.

pub(crate) mod imap;
mod pop3;
mod smtp;

use std::net::SocketAddr;
use std::sync::Arc;

use bait::Corpus;
use event::Protocol;
use protocol::Personality;

use crate::config::Config;
use crate::listen::Room;
use crate::visitors::Heading;

/// A listener: which setting says where, what is spoken there, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door<'a> {
    /// The setting.
    pub(crate) key: &'static str,
    /// What it is called at start-up.
    pub(crate) name: &'static str,
    /// What is spoken.
    pub(crate) protocol: Protocol,
    /// Whether it begins with TLS.
    pub(crate) tls: bool,
    /// Where; empty for nowhere.
    pub(crate) addresses: &'a [SocketAddr],
}

/// Every listener there is.
pub(crate) fn doors(config: &Config) -> [Door<'_>; 7] {
    use Protocol::{Imap, Pop3, Smtp};
    let door = |key, name, protocol, tls, addresses| Door { key, name, protocol, tls, addresses };
    [
        door("imap.listen", "IMAP", Imap, false, config.imap_listen()),
        door("imaps.listen", "IMAPS", Imap, true, config.imaps_listen()),
        door("pop3.listen", "POP3", Pop3, false, config.pop3_listen()),
        door("pop3s.listen", "POP3S", Pop3, true, config.pop3s_listen()),
        door("smtp.listen", "SMTP", Smtp, false, config.smtp_listen()),
        door("submission.listen", "submission", Smtp, false, config.submission_listen()),
        door("submissions.listen", "submissions", Smtp, true, config.submissions_listen()),
    ]
}

/// The rooms, furnished.
pub(crate) struct Rooms {
    imap: Arc<dyn Room>,
    pop3: Arc<dyn Room>,
    smtp: Arc<dyn Room>,
    submission: Arc<dyn Room>,
}

impl Rooms {
    /// Rooms of this personality with this mail. `domain` is the persona's own, `people` has its addresses.
    ///
    /// Also says what the imitated server puts in front of a message that it delivers.
    pub(crate) fn new(
        config: &Config,
        personality: Personality,
        corpus: &Arc<Corpus>,
        domain: &str,
        people: impl IntoIterator<Item = String>,
    ) -> (Self, Heading) {
        let Personality { imap, pop3, smtp, .. } = personality;
        let people: Vec<String> = people.into_iter().collect();
        let service = |submission| {
            Arc::new(smtp::service(config, smtp.clone(), submission, domain.to_owned(), people.clone()))
        };
        let mail = service(false);
        let rooms = Self {
            imap: imap::room(config, imap, Arc::clone(corpus)),
            pop3: pop3::room(config, pop3, Arc::clone(corpus)),
            smtp: smtp::room(Arc::clone(&mail), "smtp"),
            submission: smtp::room(service(true), "submission"),
        };
        (rooms, smtp::heading(mail))
    }

    /// The room behind a door.
    pub(crate) fn behind(&self, door: Door<'_>) -> Arc<dyn Room> {
        Arc::clone(match door.protocol {
            Protocol::Imap => &self.imap,
            Protocol::Pop3 => &self.pop3,
            Protocol::Smtp if door.key.starts_with("submission") => &self.submission,
            Protocol::Smtp => &self.smtp,
        })
    }
}

/// What the mail rooms take from the configuration alike.
fn options(config: &Config, banner: Option<&str>) -> protocol::Options {
    protocol::Options {
        node: config.node_name().to_owned(),
        banner: banner.map(str::to_owned),
        login_timeout: config.login_timeout(),
        idle_timeout: config.idle_timeout(),
        refuse_plaintext: config.refuses_plaintext(),
        epoch: jiff::Timestamp::now(),
    }
}
