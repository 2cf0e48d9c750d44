//! IMAP: the `protocol` crate's sessions, with this configuration's words, mail and credentials.

use std::sync::Arc;

use bait::Corpus;
use event::Protocol;
use protocol::imap::{Imap, Options, Service};
use protocol::{Personality, Session};

use crate::config::Config;
use crate::listen::Room;

struct ImapRoom {
    service: Arc<Service>,
}

/// The room in which IMAP is spoken.
pub(crate) fn room(config: &Config, personality: Personality, corpus: Arc<Corpus>) -> Arc<dyn Room> {
    let options = Options {
        node: config.node_name().to_owned(),
        banner: config.imap_banner().map(str::to_owned),
        login_timeout: config.login_timeout(),
        idle_timeout: config.idle_timeout(),
    };
    let service = Service::new(personality.imap, corpus, Arc::new(config.credentials().clone()), options);
    Arc::new(ImapRoom { service: Arc::new(service) })
}

impl Room for ImapRoom {
    fn protocol(&self) -> Protocol {
        Protocol::Imap
    }

    fn session(&self, mail: Arc<Corpus>) -> Box<dyn Session> {
        Box::new(Imap::with_mail(Arc::clone(&self.service), mail))
    }
}
