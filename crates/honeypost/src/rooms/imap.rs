//! IMAP: the `protocol` crate's sessions, with this configuration's words, mail and credentials.

use std::sync::Arc;

use bait::Corpus;
use event::Protocol;
use protocol::imap::{Imap, ImapTexts, Service};
use protocol::{Guest, Session, Worlds};

use super::options;
use crate::config::Config;
use crate::listen::Room;

struct ImapRoom {
    service: Arc<Service>,
}

/// The room in which IMAP is spoken.
pub(crate) fn room(config: &Config, texts: ImapTexts, corpus: Arc<Corpus>) -> Arc<dyn Room> {
    let credentials = Arc::new(config.credentials().clone());
    let service = Service::new(texts, corpus, credentials, options(config, config.imap_banner()));
    Arc::new(ImapRoom { service: Arc::new(service) })
}

impl Room for ImapRoom {
    fn protocol(&self) -> Protocol {
        Protocol::Imap
    }

    fn session(&self, mail: Option<Arc<dyn Worlds>>, guest: Guest) -> Box<dyn Session> {
        let service = Arc::clone(&self.service);
        let session = match mail {
            Some(mail) => Imap::with_mail(service, mail),
            None => Imap::new(service),
        };
        Box::new(session.of(guest))
    }
}
