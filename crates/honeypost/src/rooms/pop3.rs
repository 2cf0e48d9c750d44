//! POP3: the `protocol` crate's sessions, with this configuration's words, mail and credentials.

use std::sync::Arc;

use bait::Corpus;
use event::Protocol;
use protocol::pop3::{Pop3, Pop3Texts, Service};
use protocol::{Guest, Session, Worlds};

use super::options;
use crate::config::Config;
use crate::listen::Room;

struct Pop3Room {
    service: Arc<Service>,
}

/// The room in which POP3 is spoken.
pub(super) fn room(config: &Config, texts: Pop3Texts, corpus: Arc<Corpus>) -> Arc<dyn Room> {
    let credentials = Arc::new(config.credentials().clone());
    let service = Service::new(texts, corpus, credentials, options(config, config.pop3_banner()));
    Arc::new(Pop3Room { service: Arc::new(service) })
}

impl Room for Pop3Room {
    fn protocol(&self) -> Protocol {
        Protocol::Pop3
    }

    fn session(&self, mail: Option<Arc<dyn Worlds>>, guest: Guest) -> Box<dyn Session> {
        let service = Arc::clone(&self.service);
        let session = match mail {
            Some(mail) => Pop3::with_mail(service, mail),
            None => Pop3::new(service),
        };
        Box::new(session.of(guest))
    }
}
